"""Pages of the site that are no files in docs/: from the command line, docstrings, and the repository's root."""

import contextlib
import io
import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/actionmae"
AT_THE_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
PACKAGES = ("core", "data", "nn", "methods", "training", "evaluation", "inference", "report")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    pages = {
        page: (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](") for name, page in AT_THE_ROOT.items()
    }
    pages["reference/arguments.md"] = arguments()
    pages["python/actionmae.md"] = public_names()
    pages |= {f"python/{name}.md": modules(name) for name in PACKAGES}
    for page, content in pages.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Pages of docs/ link to the repository's root as GitHub wants it."""
    for name, target in AT_THE_ROOT.items():
        markdown = re.sub(rf"\]\((?:\.\./)+{name}", f"]({'../' * page.file.src_uri.count('/')}{target}", markdown)
    return markdown


def arguments() -> str:
    """What `actionmae VERB --help` prints, for every verb."""
    from actionmae.cli import VERBS, main

    os.environ["COLUMNS"] = "100"
    parts = ["# Arguments\n\nAs `actionmae VERB --help` prints them; [in words](cli.md).\n"]
    for verb in VERBS:
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            main([verb, "--help"])
        parts.append(f"## {verb}\n\n```text\n{text.getvalue().strip()}\n```\n")
    return "\n".join(parts)


def public_names() -> str:
    """What `actionmae` itself offers, each with a link to its docstring."""
    import actionmae

    found = {name: getattr(actionmae, name) for name in actionmae.__all__ if name != "__version__"}
    lines = [
        f"- [`actionmae.{name}`][{each.__module__}.{name}]: {(each.__doc__ or '').strip().splitlines()[0]}"
        for name, each in found.items()
    ]
    return "# Public names\n\n" + "\n".join(lines) + "\n"


def modules(package: str) -> str:
    """Every public module of a package."""
    names = [
        ".".join(("actionmae", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted((PACKAGE / package).rglob("*.py"))
    ]
    return f"# actionmae.{package}\n\n" + "\n".join(f"::: {name}\n" for name in names)

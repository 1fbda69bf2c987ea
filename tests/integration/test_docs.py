"""The documents speak of code that exists: links, files, names, options and Python blocks."""

import dataclasses
import re
import runpy
from pathlib import Path

import pytest
import torch
import yaml

from actionmae.cli import VERBS
from actionmae.core.modality import ModalitySet, ModalitySpec, registered, resolve
from actionmae.core.modality.spec import VALUES
from actionmae.data.transforms.transform import AugmentConfig
from actionmae.methods.config import METHODS
from actionmae.nn.build import build_classifier
from actionmae.nn.config import ClassifierConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.optim import OptimConfig
from golden.make import arguments

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OPTIONS = {
    "model": [ClassifierConfig],
    "method": [config for config, _ in METHODS.values()],
    "optim": [OptimConfig],
    "data": [DataConfig],
    "data.augment": [AugmentConfig],
}


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(
        r"`((?:src|tests|docs|examples|configs|benchmarks)/[\w/.-]+\.\w+)`", page.read_text("utf-8")
    ):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_options_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8").replace("`model.safetensors`", "")
    for section, field in re.findall(r"`(model|method|optim|data\.augment|data)\.(\w+)`", text):
        if (section, field) == ("data", "augment"):
            continue
        known = {each.name for config in OPTIONS[section] for each in dataclasses.fields(config)}
        assert field in known, f"{page.name} names {section}.{field}; {section} has {', '.join(sorted(known))}"


def test_the_design_table_names_what_the_files_hold() -> None:
    rows = re.findall(r"^\| [^|]+ \| `([\w/]+\.py)` \| ([^|]+) \|$", (ROOT / "docs/design.md").read_text("utf-8"), re.M)
    assert len(rows) > 20
    for file, names in rows:
        source = (ROOT / "src/actionmae" / file).read_text("utf-8")
        for name in re.findall(r"`([\w.]+)`", names):
            for part in name.split("."):
                assert re.search(rf"\b{part}\b", source), f"docs/design.md: {file} has no {part}"


def test_the_page_of_modalities_is_true() -> None:
    page = ROOT / "docs/reference/modalities.md"
    tables = [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
        for table in re.findall(r"^\| .*(?:\n\|.*)*", page.read_text("utf-8"), re.M)
    ]
    registry, fields, kinds = tables
    for name, letter, kind, shape, value, fps, encoder in registry:
        spec = resolve(name.strip("`"))
        near_far = "" if spec.value_range is None else ", {:.0f}–{:.0f} mm".format(*spec.value_range)
        assert [letter, kind, shape] == [spec.letter, spec.kind, ", ".join(map(str, spec.shape))]
        assert [value, fps, encoder] == [f"{spec.value}{near_far}", f"{spec.fps:.0f}" if spec.fps else "", spec.encoder]
    assert [row[0].strip("`") for row in registry] == list(registered())
    defaults = {"": dataclasses.MISSING, "null": None}
    assert [(row[0].strip("`"), defaults.get(row[1], row[1])) for row in fields] == [
        (field.name, str(field.default) if isinstance(field.default, int) else field.default)
        for field in dataclasses.fields(ModalitySpec)
    ]
    assert {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in kinds} == {
        kind: set(values) for kind, values in VALUES.items()
    }
    (example,) = blocks(page, "yaml")
    modalities = ModalitySet(yaml.safe_load(example))
    assert modalities.letters == ("R", "D", "S", "T")
    build_classifier(modalities, classes=("a", "b"), config=ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=16))


def test_the_plug_in_page_runs() -> None:
    imports, code = blocks(ROOT / "docs/how_to/plug_in.md", "python")
    lines = [line for line in code.splitlines() if line and not line.startswith("#")]
    names: dict[str, object] = {
        "num_classes": 5,
        "tokens": torch.randn(4, 3, 512),
        "labels": torch.arange(4),
        "available": torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]]).bool(),
        "generator": torch.Generator().manual_seed(0),
    }
    exec(imports + code, names)
    loss, logits = names["loss"], names["logits"]
    assert isinstance(loss, torch.Tensor)
    assert isinstance(logits, torch.Tensor)
    assert loss.isfinite()
    assert logits.shape == (4, 5)
    assert len(lines) <= 10


def test_the_plug_in_example_learns(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples/plug_in.py"))
    accuracy = [int(number) for number in re.findall(r"accuracy (\d+)%", capsys.readouterr().out)]
    assert len(accuracy) == 7
    assert min(accuracy) > 40, "eight classes: chance is 12 %"


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_command_line_page_knows_every_argument(verb: str) -> None:
    sections = dict(
        re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", (ROOT / "docs/reference/cli.md").read_text(), re.M | re.S)
    )
    written = {
        name.removeprefix("--")
        for name in re.findall(r"`(--\w+|layout|root|models?|manifest|inputs|runs|name)`", sections[verb])
    }
    taken = {line.split()[1].removeprefix("--") for line in arguments().splitlines() if line.startswith(f"{verb} ")}
    top = {name for name in taken if "." not in name}
    assert top - {"config", "print_config"} <= written
    assert written <= top | {"debug"}

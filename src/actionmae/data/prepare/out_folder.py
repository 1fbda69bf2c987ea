"""The folder that `prepare` writes into: no file of others is replaced, and what people write into it stays. No torch.

`prepare.json` says that the folder is ours and with which settings it is filled; `progress/facts.json` remembers what
was written by hand into its manifest, also for clips that cannot be read at the moment.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from actionmae.core.files import write_text
from actionmae.core.json_files import read_json
from actionmae.core.modality import ModalitySpec
from actionmae.data.manifest import ClipRow, read_manifest

SETTINGS = "prepare.json"
_FILES = ("manifest.csv", "classes.txt", "problems.csv", "progress")
_FACTS = ("subject", "camera", "setup", "split")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the content of an output folder; the fields are those of `prepare`, `root` as an absolute path."""

    layout: str
    root: str
    crop: str
    transcode: bool
    short_side: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Memory:
    """What people wrote into manifests, by sample and fact."""

    facts: dict[str, dict[str, str]]


def refuse_foreign(out: Path, root: Path, modalities: Iterable[str]) -> None:
    """Refuse an output folder in which files that `prepare` did not write would be replaced.

    Args:
        out: The folder, which need not exist.
        root: The raw recordings, or their manifest.
        modalities: A folder of each of these names is written into.

    Raises:
        ValueError: If a file that `prepare` did not write is in the way.
    """
    if root.is_file() and (out / "manifest.csv").exists() and root.samefile(out / "manifest.csv"):
        raise ValueError(f"{root} is itself the manifest.csv of {out} and would be replaced: give another out folder")
    if (out / SETTINGS).exists() or any(out.glob("progress/*.jsonl")):
        return
    for name in (*_FILES, *modalities):
        if os.path.lexists(out / name):
            raise ValueError(f"{out} holds a {name} that prepare did not write: give another out folder")


def require_settings(out: Path, settings: Settings) -> None:
    """Write the settings into the folder, or compare them with those of an earlier run.

    Several shards may do this at once: one of them writes, all compare.

    Raises:
        ValueError: If the earlier run had others, or `prepare.json` is damaged.
    """
    path = out / SETTINGS
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.urandom(4).hex()}.tmp")
        unfinished.write_text(json.dumps(dataclasses.asdict(settings), indent=1) + "\n", encoding="utf-8")
        try:
            os.link(unfinished, path)  # unlike a renaming it never replaces what another shard has just written
        except FileExistsError:
            pass
        except OSError:  # this file system has no links
            unfinished.replace(path)
        unfinished.unlink(missing_ok=True)
    before = dataclasses.asdict(read_json(path, Settings, writer="prepare"))
    for name, value in dataclasses.asdict(settings).items():
        if before[name] != value:
            raise ValueError(
                f"{out} was prepared with {name} {before[name]}, not {value}: give the same, or another out folder"
            )


def require_meaning(out: Path, before: Mapping[str, ModalitySpec], now: Mapping[str, ModalitySpec]) -> None:
    """Refuse modalities whose stored numbers meant something else when earlier files were written.

    Raises:
        ValueError: Naming the first one.
    """
    for name in before.keys() & now.keys():
        for field in ("kind", "value") if now[name].value != "gray" else ("kind", "value", "value_range"):
            old, new = getattr(before[name], field), getattr(now[name], field)
            if old != new:
                raise ValueError(
                    f"{out} was prepared with {field} {old} of {name}, not {new}: give the same, or another out folder"
                )


def keep_facts(rows: Sequence[ClipRow], out: Path) -> list[ClipRow]:
    """Rows of a folder with what people wrote into earlier manifests of it: subject, camera, setup, split.

    What the rows themselves say has precedence.

    Args:
        rows: As they are found now.
        out: The output folder, with or without an earlier manifest.

    Raises:
        ValueError: If the earlier manifest, or the memory of earlier ones, can no longer be read.
    """
    path, manifest = out / "progress" / "facts.json", out / "manifest.csv"
    facts = read_json(path, _Memory, writer="prepare").facts if path.exists() else {}
    if manifest.is_file():
        for row in read_manifest(manifest, check_files=False).rows:
            facts[row.sample] = {fact: getattr(row, fact) for fact in _FACTS}
        write_text(path, json.dumps({"facts": facts}, ensure_ascii=False, indent=1) + "\n")
    return [_with_facts(row, facts.get(row.sample, {})) for row in rows]


def _with_facts(row: ClipRow, facts: Mapping[str, str]) -> ClipRow:
    kept = {fact: text for fact, text in facts.items() if fact in _FACTS and not getattr(row, fact)}
    return dataclasses.replace(row, **kept)  # type: ignore[arg-type]  # all of them are texts

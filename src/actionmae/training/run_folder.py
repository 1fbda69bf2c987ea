"""The run folder: config.yaml, metrics.csv, TensorBoard events, checkpoints/, and at the end the report and model/."""

import csv
import dataclasses
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

log = logging.getLogger(__name__)

_OURS = (
    "config.yaml",
    "metrics.csv",
    "events.out.tfevents.*",
    "checkpoints",
    "model",
    "robustness.*",
    "scores.npz",
    "evaluation.json",
)


@dataclass(frozen=True)
class RunFolder:
    """Names inside a run folder.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """All settings; `actionmae train --config` reads it back."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """One row per epoch."""
        return self.path / "metrics.csv"

    @property
    def last(self) -> Path:
        """Checkpoint to resume from."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """Weights of the best epoch on the validation clips."""
        return self.path / "checkpoints" / "best.pt"

    @property
    def model(self) -> Path:
        """The model folder; written last, so that it marks a finished run."""
        return self.path / "model"

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return (self.model / "config.json").is_file()

    @property
    def epochs_done(self) -> int:
        """Epochs in metrics.csv."""
        if not self.metrics.is_file():
            return 0
        return max(0, len(self.metrics.read_text(encoding="utf-8").splitlines()) - 1)

    def check(self, settings: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        """Refuse a run that must not be written here; nothing is touched.

        Raises:
            ValueError: If another run is in the way, or a resumed run was started with other settings.
        """
        if resume and overwrite:
            raise ValueError("resume and overwrite were both given: resume goes on, overwrite starts again; choose one")
        started = self.finished or self.last.exists()
        if started and not resume and not overwrite:
            state = "is finished" if self.finished else "was begun"
            raise ValueError(
                f"run {self.path} {state}: go on with --resume true, start again with --overwrite true, "
                "or choose another --run"
            )
        if started and resume:
            self._check_same(settings)

    def begin(self, settings: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder ready for a run with these settings and write them down; an earlier run goes now."""
        if not resume:
            self._clear()
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.config, yaml.safe_dump(plain(settings), sort_keys=False, allow_unicode=True))

    def _check_same(self, settings: Mapping[str, Any]) -> None:
        """Only the number of epochs and the machine may differ."""
        if not self.config.is_file():
            raise ValueError(f"run {self.path} has no config.yaml: start again with --overwrite true")
        before = _flatten(yaml.safe_load(self.config.read_text(encoding="utf-8")))
        now = _flatten(plain(settings))
        free = {"optim.epochs", *(key for key in now if key.startswith("engine.") and key != "engine.seed")}
        for key in sorted((before.keys() | now.keys()) - free):
            if before.get(key) != now.get(key):
                raise ValueError(
                    f"run {self.path} was started with {key} {before.get(key)!r}, now it is {now.get(key)!r}: "
                    "resume with the same settings (--config RUN/config.yaml) or choose another --run"
                )

    def _clear(self) -> None:
        """Remove what an earlier run wrote, and nothing else."""
        for pattern in _OURS:
            for path in self.path.glob(pattern):
                log.info("removing %s", path)
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


class History:
    """metrics.csv: one row per epoch, rewritten whole, so that a kill leaves the old or the new file.

    Args:
        path: The CSV.
        epochs: Rows of an earlier run to keep; later ones will be trained again.
    """

    def __init__(self, path: Path, *, epochs: int) -> None:
        self.path = path
        self.rows: list[dict[str, int | float]] = []
        if path.is_file() and epochs:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [{key: _number(cell) for key, cell in row.items() if cell} for row in csv.DictReader(file)]
            self.rows = [row for row in rows if row["epoch"] < epochs]

    def append(self, row: Mapping[str, int | float]) -> None:
        """Add an epoch."""
        self.rows.append(dict(row))
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        beside = self.path.with_name(self.path.name + ".tmp")
        with beside.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)
        beside.replace(self.path)

    def is_best(self, name: str) -> bool:
        """Whether the last row has the highest value so far (the first of equals counts)."""
        values = [row[name] for row in self.rows if name in row]
        return bool(values) and all(values[-1] > value for value in values[:-1])


def plain(value: Any) -> Any:
    """Dataclasses, paths and tuples as YAML and JSON know them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def write_text(path: Path, text: str) -> None:
    """Write beside and rename."""
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            out |= _flatten(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out

"""The run folder: run.lock, config.yaml, metrics.csv, TensorBoard events, checkpoints/, at last the report and model/.

`run.lock` marks a folder as a run's. Only there is anything ever removed, and only what a run or `evaluate` writes.
"""

import csv
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from actionmae.core.files import atomic_write, exclusive, write_text
from actionmae.core.json_files import read_json
from actionmae.training.settings import TrainSettings, flat

if TYPE_CHECKING:
    from actionmae.methods.base import Method

log = logging.getLogger(__name__)

_OURS = (
    "model",
    "model.old",
    "model*.tmp",
    "checkpoints",
    "evaluation",
    "robustness.json",
    "robustness.csv",
    "robustness.md",
    "scores.npz",
    "evaluation.json",
    "metrics.csv",
    "events.out.tfevents.*",
    "config.yaml",
)
_FREE = (
    "optim.epochs",
    "score",
    "device",
    "num_devices",
    "data.manifest",
    "data.num_workers",
    "data.cache",
    "data.skip_broken",
    "data.eval_batch_size",
)
"""What may change when a run is resumed, and of `engine` all but `_FIXED`; the clips are compared by their digest."""
_FIXED = ("engine.seed", "engine.accumulate", "engine.precision")


@dataclass(frozen=True)
class RunFolder:
    """Names inside a run folder, and who may write there.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def lock(self) -> Path:
        """Held while a process trains; its presence marks a run folder."""
        return self.path / "run.lock"

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

    def stage(self, name: str) -> Path:
        """The last checkpoint of a finished stage that another one follows."""
        return self.path / "checkpoints" / f"stage_{name}.ckpt"

    @property
    def best(self) -> Path:
        """Weights of the best epoch on the validation clips."""
        return self.path / "checkpoints" / "best.pt"

    @property
    def model(self) -> Path:
        """The model folder; written when training has come to its end."""
        return self.path / "model"

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return (self.model / "config.json").is_file()

    @property
    def scores(self) -> Path:
        """What the finished model says about the test clips."""
        return self.path / "scores.npz"

    @property
    def begun(self) -> bool:
        """Whether there is a result or a checkpoint."""
        return self.finished or any(self.last.parent.glob("*.ckpt"))

    @property
    def trained_epochs(self) -> int:
        """Epochs after which the finished model was written; 0 without one."""
        return self._trained.epochs if self.finished else 0

    def trained_with(self, settings: TrainSettings) -> bool:
        """Whether the finished model was trained with these settings, as far as it knows them by name."""
        before, now = _comparable(self._trained.settings), _comparable(settings.to_dict())
        return all(before[key] == now[key] for key in before.keys() & now.keys())

    @property
    def _trained(self) -> "_Model":
        return read_json(self.model / "config.json", _Model, writer="train")

    @property
    def cpu_seconds(self) -> float | None:
        """Processor time of all epochs, those before an interruption among them; None if it was not recorded."""
        rows = History(self.metrics, epochs=sys.maxsize).rows
        times = [row.get("cpu_seconds") for row in rows]
        return sum(time for time in times if time is not None) if times and None not in times else None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out; the folder is made if needed, and goes again if nothing was written.

        Raises:
            ValueError: If it has a content and is no run folder, or another process trains in it.
        """
        self._check_ours()
        with exclusive(self.lock, f"another process trains in run {self.path}: wait for it, or choose another --run"):
            try:
                yield
            finally:
                if not any(path != self.lock for path in self.path.iterdir()):
                    self.lock.unlink()
                    with suppress(OSError):  # somebody has just come in
                        self.path.rmdir()

    def check(self, settings: TrainSettings, *, resume: bool, overwrite: bool) -> None:
        """Refuse a run that must not be written here; nothing is touched.

        Raises:
            ValueError: If another run is in the way, or a resumed run was started with other settings.
        """
        if resume and overwrite:
            raise ValueError("resume and overwrite were both given: resume goes on, overwrite starts again; choose one")
        if self.begun and resume:
            self._check_same(settings)
        elif self.begun and not overwrite:
            state = "is finished" if self.finished else "was begun"
            raise ValueError(
                f"run {self.path} {state}: go on with --resume true, start again with --overwrite true, "
                "or choose another --run"
            )

    def check_stages(self, method: "Method", epochs: int) -> None:
        """Refuse to go on with other epochs where these decide how long a finished stage would have been.

        Raises:
            ValueError: If they do.
        """
        if not (self.begun and self.config.is_file()):
            return
        before = TrainSettings.from_yaml(self.config).optim.epochs
        lengths = [[stage.epochs for stage in method.stages(each)[:-1]] for each in (before, epochs)]
        if lengths[0] != lengths[1]:
            raise ValueError(
                f"run {self.path} was started with optim.epochs {before}, now it is {epochs}: method "
                f"{method.config.name!r} trains in stages whose lengths follow from it; resume with the same number, "
                "or choose another --run"
            )

    def begin(self, settings: TrainSettings, *, resume: bool) -> None:
        """Write down the settings of the run that is now trained here; without `resume` an earlier run goes."""
        if not resume:
            self._clear()
        write_text(self.config, yaml.safe_dump(settings.to_dict(), sort_keys=False, allow_unicode=True))

    def _check_ours(self) -> None:
        if self.lock.is_file() or not self.path.exists():
            return
        if not self.path.is_dir():
            raise ValueError(f"run {self.path} is a file: name a folder")
        content = next(self.path.iterdir(), None)
        if content is not None and content != self.lock:
            raise ValueError(
                f"folder {self.path.resolve()} holds {content.name} and was not made by `actionmae train`: nothing in "
                "it is touched; choose a new folder for --run"
            )

    def _check_same(self, settings: TrainSettings) -> None:
        """Only the number of epochs, the place of the clips and the machine may differ."""
        if not self.config.is_file():
            raise ValueError(f"run {self.path} has no config.yaml: start again with --overwrite true")
        before, now = (_comparable(each.to_dict()) for each in (TrainSettings.from_yaml(self.config), settings))
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                raise ValueError(
                    f"run {self.path} was started with {key} {before.get(key)!r}, now it is {now.get(key)!r}: resume "
                    f"with the same settings (--config {self.config} --run {self.path} --resume true), or choose "
                    "another --run"
                )

    def _clear(self) -> None:
        """Remove what an earlier run wrote, and nothing else; the result first, so that no half of it counts as one."""
        for pattern in _OURS:
            for path in self.path.glob(pattern):
                log.info("removing %s", path)
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


class History:
    """metrics.csv: one row per epoch, rewritten whole, so that a kill leaves the old or the new file.

    Args:
        path: The CSV.
        epochs: Rows of an earlier run to keep; later ones will be trained again.

    Raises:
        ValueError: If the file is damaged.
    """

    def __init__(self, path: Path, *, epochs: int) -> None:
        self.path = path
        self.rows: list[dict[str, int | float]] = []
        if path.is_file() and epochs:
            try:
                with path.open(newline="", encoding="utf-8") as file:
                    names, *lines = csv.reader(file)
                pairs = [zip(names, line, strict=True) for line in lines]
                rows = [{name: _number(cell) for name, cell in row if cell} for row in pairs]
                self.rows = [row for row in rows if row["epoch"] < epochs]
            except (ValueError, KeyError, csv.Error) as error:
                raise ValueError(f"{path} is damaged ({error}): remove it; its curve then begins anew") from error

    def append(self, row: Mapping[str, int | float]) -> None:
        """Add an epoch."""
        self.rows.append(dict(row))
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic_write(self.path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)

    def is_best(self, name: str, *, since: int = 0) -> bool:
        """Whether the last row has the highest value since an epoch (the first of equals counts)."""
        values = [row[name] for row in self.rows if name in row and row["epoch"] >= since]
        return bool(values) and all(values[-1] > value for value in values[:-1])


@dataclass(frozen=True)
class _Model:
    """What a model's `config.json` says of its run."""

    provenance: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """Of its training, by name."""
        return dict(self.provenance.get("settings", {}))

    @property
    def epochs(self) -> int:
        """After which it was written."""
        return int(self.settings.get("optim", {}).get("epochs", 0))


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, without those that may change; files by their absolute names."""
    return {
        key: str(Path(value).resolve()) if key.startswith(("init.", "model.weights.")) else value
        for key, value in flat(settings).items()
        if key not in _FREE and (not key.startswith("engine.") or key in _FIXED)
    }


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actionmae.training.config import DataConfig
from actionmae.training.meter import Meter
from actionmae.training.run_folder import History, RunFolder
from actionmae.training.settings import TrainSettings


def test_processor_time_is_that_of_all_epochs_if_all_have_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.cpu_seconds is None
    run.metrics.write_text("epoch,seconds,cpu_seconds\n0,9,1.5\n1,9,2\n", encoding="utf-8")
    assert run.cpu_seconds == 3.5
    run.metrics.write_text("epoch,seconds,cpu_seconds\n0,9,\n1,9,2\n", encoding="utf-8")
    assert run.cpu_seconds is None


def test_history_keeps_the_rows_before_the_resumed_epoch(tmp_path: Path) -> None:
    history = History(tmp_path / "metrics.csv", epochs=0)
    for epoch, score in enumerate((50.0, 70.0, 60.0)):
        history.append({"epoch": epoch, "val": score})
        assert history.is_best("val") == (epoch < 2)
    resumed = History(tmp_path / "metrics.csv", epochs=2)
    assert [row["epoch"] for row in resumed.rows] == [0, 1]
    resumed.append({"epoch": 2, "val": 70.0})
    assert not resumed.is_best("val"), "the first of equals is the best"
    resumed.append({"epoch": 3, "val": 71.0, "new": 1})
    assert resumed.is_best("val")
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "epoch,val,new", "0,50.0,", "1,70.0,", "2,70.0,", "3,71.0,1"
    ]  # fmt: skip


SETTINGS = TrainSettings(data=DataConfig(manifest=Path("manifest.csv")))


def test_a_run_without_its_settings_cannot_be_resumed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.last.parent.mkdir()
    run.last.touch()
    with pytest.raises(ValueError, match=r"has no config.yaml: start again with --overwrite true"):
        run.check(SETTINGS, resume=True, overwrite=False)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- a list", "config.yaml holds no settings"),
        ("data: [", "config.yaml cannot be read as YAML"),
        ("data: {manifest: m.csv}\noptim: {lr: fast}", "config.yaml cannot be used: .*optim.lr"),
        ("data: {manifest: m.csv}\nspeed: 3", "config.yaml cannot be used: .*speed"),
        ("data: {manifest: m.csv}\noptim: {lr: 0.5}", "was started with optim.lr 0.5, now it is 0.0001"),
        ("data: {manifest: m.csv, modalities: [rgb]}", "was started with data.modalities"),
    ],
)
def test_damaged_or_other_settings_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    run = RunFolder(tmp_path)
    run.last.parent.mkdir()
    run.last.touch()
    run.config.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=sentence):
        run.check(SETTINGS, resume=True, overwrite=False)


def test_a_run_is_itself_wherever_it_and_its_clips_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = RunFolder(Path("run"))
    with run.locked():
        run.begin(replace(SETTINGS, init=(Path("model"),)), resume=False)
    run.last.parent.mkdir()
    run.last.touch()
    moved = replace(SETTINGS, data=replace(SETTINGS.data, manifest=Path("/elsewhere/m.csv"), num_workers=2))
    run.check(replace(moved, init=(tmp_path / "model",)), resume=True, overwrite=False)
    run.path.rename("moved")
    RunFolder(tmp_path / "moved").check(replace(moved, init=(Path("model"),)), resume=True, overwrite=False)


@pytest.mark.parametrize("name", ["notes.txt", "model", "config.yaml", ".git"])
@pytest.mark.parametrize("path", ["", ".", "{tmp}"])
def test_a_folder_with_other_content_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    with (
        pytest.raises(ValueError, match=rf"{tmp_path} holds {name} and was not made by `actionmae train`"),
        RunFolder(Path(path.format(tmp=tmp_path))).locked(),
    ):
        raise AssertionError("not reached")
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(ValueError, match="run is a file: name a folder"), RunFolder(tmp_path / "run").locked():
        pass


def test_one_process_at_a_time(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with run.locked():
        run.begin(SETTINGS, resume=False)
        with pytest.raises(ValueError, match=r"another process trains in run .*: wait for it"), run.locked():
            pass
    with run.locked():
        assert run.config.is_file()


def test_a_run_that_never_began_leaves_no_folder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.raises(KeyError), run.locked():
        raise KeyError
    assert not run.path.exists()


def test_only_what_a_run_writes_is_replaced(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with run.locked():
        for name in ("checkpoints", "model", "model.old", "evaluation"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "file").touch()
        for name in ("metrics.csv", "events.out.tfevents.1", "robustness.csv", "robustness.html", "model.py"):
            (tmp_path / name).touch()
        run.begin(SETTINGS, resume=False)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"run.lock", "config.yaml", "robustness.html", "model.py"}


@pytest.mark.parametrize("text", ["epoch,loss\n0,much\n", "loss\n1\n", "epoch,loss\n,1,2,3\n"])
def test_a_damaged_history_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"metrics\.csv is damaged .*: remove it"):
        History(tmp_path / "metrics.csv", epochs=1)


def test_meter_means_over_clips() -> None:
    """An epoch's last batch is smaller and counts less."""
    meter = Meter()
    assert meter.means() == {}
    meter.update({"loss": torch.tensor(1.0)}, clips=3)
    meter.update({"loss": torch.tensor(2.0, requires_grad=True)}, clips=1)
    assert meter.means() == {"loss": 1.25} == meter.last
    meter.update({"loss": torch.tensor(0.0), "error/depth": torch.tensor(4.0)}, clips=4)
    meter.update({"loss": torch.tensor(0.0), "error/depth": torch.tensor(1.0)}, clips=2)
    assert meter.means() == {"loss": 0.5, "error/depth": 3.0}
    meter.reset()
    assert meter.means() == {}

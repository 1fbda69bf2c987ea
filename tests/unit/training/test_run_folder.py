from pathlib import Path

import pytest
import torch

from actionmae.training.meter import Meter
from actionmae.training.run_folder import History, RunFolder


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


def test_a_run_without_its_settings_cannot_be_resumed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.last.parent.mkdir()
    run.last.touch()
    with pytest.raises(ValueError, match=r"has no config.yaml: start again with --overwrite true"):
        run.check({}, resume=True, overwrite=False)


def test_meter_means_over_clips() -> None:
    """An epoch's last batch is smaller and counts less."""
    meter = Meter()
    assert meter.means() == {}
    meter.update({"loss": torch.tensor(1.0)}, clips=3)
    meter.update({"loss": torch.tensor(2.0, requires_grad=True)}, clips=1)
    assert meter.means() == {"loss": 1.25} == meter.last
    meter.reset()
    assert meter.means() == {}

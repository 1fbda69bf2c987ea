import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from actionmae.methods import PlainConfig
from actionmae.nn.config import ClassifierConfig
from actionmae.training.config import DataConfig, OptimConfig
from actionmae.training.engine import EngineConfig
from actionmae.training.settings import TrainSettings, flat
from helpers.bypass import with_fields

ROOT = Path(__file__).parents[3]


def test_settings_come_back_from_yaml_as_they_were(tmp_path: Path) -> None:
    settings = TrainSettings(
        data=DataConfig(
            manifest=Path("m.csv"),
            modalities=("rgb", {"name": "depth", "value_range": None, "shape": [3, 8, 8]}),
            val_subjects=("7", 8),
        ),
        model=ClassifierConfig(weights={"rgb": Path("w.pth")}, encoders={"depth": "grid_cnn"}),
        method=PlainConfig(label_smoothing=0.0),
        optim=OptimConfig(lr=1e-5, clip_norm=1.0),
        engine=EngineConfig(seed=3, threads=2),
        init=(Path("a"), Path("b")),
        select="val",
    )
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings.to_dict()), encoding="utf-8")
    assert TrainSettings.from_yaml(path) == settings


def test_what_a_file_does_not_set_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("data: {manifest: m.csv}", encoding="utf-8")
    assert TrainSettings.from_yaml(str(path)) == TrainSettings(data=DataConfig(manifest=Path("m.csv")))


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_every_number_is_finite(number: float) -> None:
    settings = TrainSettings(data=DataConfig(manifest=Path("m.csv")))
    with pytest.raises(ValueError, match=r"optim\.warmup_epochs is .*: give a finite number"):
        replace(settings, optim=OptimConfig(warmup_epochs=abs(number)))
    depth = {"name": "depth", "value_range": [number, 1.0]}
    with pytest.raises(ValueError, match=r"data\.modalities\.0\.value_range\.0 is .*: give a finite number"):
        replace(settings, data=replace(settings.data, modalities=(depth,)))


def test_words_are_checked() -> None:
    settings = TrainSettings(data=DataConfig(manifest=Path("m.csv")))
    with pytest.raises(ValueError, match="select is 'best': choose last or val"):
        with_fields(replace(settings), select="best").__post_init__()
    with pytest.raises(ValueError, match="init_parts is 'encoder': choose all, encoders or space"):
        with_fields(settings, init_parts="encoder").__post_init__()


def test_the_device_is_checked() -> None:
    settings = TrainSettings(data=DataConfig(manifest=Path("m.csv")))
    with pytest.raises(ValueError, match="device is 'gpu': choose auto, cpu, cuda"):
        replace(settings, device="gpu")
    assert replace(settings, num_devices=2, engine=EngineConfig(num_nodes=3)).num_processes == 6
    assert replace(settings, num_devices=-1).num_processes is None


def test_values_by_their_dotted_names() -> None:
    assert flat({"a": {"b": [1, {"c": 2}], "d": []}, "e": None}) == {"a.b.0": 1, "a.b.1.c": 2, "a.d": [], "e": None}

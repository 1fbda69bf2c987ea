"""Every recipe: its header is true, it is built at full size without memory, and its command trains two steps."""

import dataclasses
import json
import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from actionmae.cli import VERBS, main
from actionmae.cli.arguments import parse
from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.data.layouts import load_layout
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.transforms.config import AugmentConfig
from actionmae.methods import build_method
from actionmae.nn import build_classifier
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig
from actionmae.training.settings import TrainSettings
from helpers.raw_layouts import RAW

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "configs").glob("*/*.yaml"))
LAYOUT = {"synthetic": "ntu"}
TRAINING_CLIPS = {"ntu60": 40_320, "ntu120": 63_026, "nw_ucla": 1_020, "uwa3d": 535}
NARROW = {"r2plus1d_18": "r2plus1d_18", "vit_tiny_patch16_224": "test_vit", "vit_small_patch16_224": "test_vit"}
"""Small stand-ins of the space encoders; grid_cnn for all others. R(2+1)D has one width: see `NarrowVideoNetwork`."""


class NarrowVideoNetwork(nn.Module):
    """In torchvision's R(2+1)D's place: [R, 3, T, H, W] → [R, classes]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 3, stride=(1, 4, 4))
        self.fc = nn.Linear(8, 400)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(clip).mean(dim=(2, 3, 4)))


def recipe_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def layout_of(recipe: Path) -> Any:
    return load_layout(LAYOUT.get(recipe.parent.name, recipe.parent.name))


def settings_of(recipe: Path) -> dict[str, Any]:
    return vars(TrainSettings.from_yaml(recipe))


def header_of(recipe: Path) -> list[str]:
    return [line for line in recipe.read_text(encoding="utf-8").splitlines() if line.startswith("#")]


def encoder_of(model: ClassifierConfig) -> str:
    return model.space_encoder or "resnet34"


def on_meta(model: ClassifierConfig, modalities: ModalitySet, classes: tuple[str, ...]) -> MultiModalClassifier:
    with torch.device("meta"):
        config = dataclasses.replace(model, pretrained=False)
        return build_classifier(modalities, classes=classes, config=config)


def counted() -> dict[str, tuple[float, float]]:
    """GFLOP and MB of one frame by space encoder, as docs/reference/recipes.md has them."""
    text = (ROOT / "docs/reference/recipes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.M)
    return {name: (float(work), float(kept)) for name, work, kept in rows}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Manifest of rendered files in a data set's layout, prepared once for all of its recipes."""
    done: dict[str, Path] = {}

    def prepared(layout: str) -> Path:
        if layout not in done:
            folder = tmp_path_factory.mktemp(layout)
            done[layout] = prepare(layout, RAW[layout](folder / "raw"), folder / "prepared").manifest
        return done[layout]

    return prepared


def test_no_yaml_is_left_out() -> None:
    assert {path for path in (ROOT / "configs").rglob("*") if path.is_file()} == set(RECIPES)
    assert {recipe.parent.name for recipe in RECIPES} == {*TRAINING_CLIPS, "utd_mhad", "synthetic"}


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_id)
def test_a_recipe_builds_at_full_size_without_memory(recipe: Path, manifest: Callable[[str], Path]) -> None:
    settings = settings_of(recipe)
    data, model, layout = settings["data"], settings["model"], layout_of(recipe)
    assert data.protocol.startswith(f"{layout.name}/")
    modalities = ModalitySet(data.modalities, read_manifest(manifest(layout.name)).specs)
    network = on_meta(model, modalities, layout.classes)
    assert all(parameter.is_meta for parameter in network.parameters())
    with torch.device("meta"):
        build_method(
            settings["method"],
            modalities=network.modalities,
            classes=network.classes,
            model=dataclasses.replace(model, pretrained=False),
        )
    if recipe.parent.name not in TRAINING_CLIPS:
        return
    assert model.pretrained
    assert (model.embed_dim, settings["optim"].lr, settings["optim"].epochs) == (512, 1e-4, 90)
    assert data.batch_size * settings["engine"].accumulate == 32
    assert data.augment == AugmentConfig(flip=0.5)
    assert all((spec.shape, spec.num_frames) == ((3, 224, 224), 16) for spec in network.modalities)
    frames = 16 * len(network.modalities)
    work, kept = counted()[encoder_of(model)]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    memory = data.batch_size * frames * kept / 1e3 + 16 * parameters / 1e9 + 1
    hours = TRAINING_CLIPS[recipe.parent.name] * frames * 90 * work / 26e3 / 3600
    text = "\n".join(header_of(recipe))
    assert f"one GPU with {next(size for size in (8, 12, 16, 24) if size > memory)} GB" in text, memory
    assert f"Time: about {one_digit(hours)}" in text, hours


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_id)
def test_names_stand_for_the_whole_modality(recipe: Path, manifest: Callable[[str], Path]) -> None:
    """What a recipe leaves out comes from the data set, through the `modalities.yaml` that prepare writes."""
    wanted = json.loads((ROOT / "tests/golden/recipe_modalities.json").read_text(encoding="utf-8"))[recipe.parent.name]
    known = read_manifest(manifest(layout_of(recipe).name)).specs
    for spec in ModalitySet(settings_of(recipe)["data"].modalities, known):
        assert json.loads(json.dumps(spec.to_dict())) == wanted[spec.name]


def one_digit(hours: float) -> str:
    number, unit = (hours, "hours") if hours >= 1 else (60 * hours, "minutes")
    step = 10 ** math.floor(math.log10(number))
    return f"{round(number / step) * step} {unit}"


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_id)
def test_a_header_says_how_to_run_it(recipe: Path) -> None:
    header, name = header_of(recipe), recipe_id(recipe)
    assert all(len(line) <= 150 for line in header)
    words = [shlex.split(line[1:])[1:] for line in header if line.startswith("#   actionmae ")]
    (prepare_verb, *preparing), (train_verb, *training) = words
    assert (prepare_verb, train_verb) == ("prepare", "train")
    prepared = parse(VERBS["prepare"], preparing)
    assert training[:4] == ["--config", f"configs/{name}.yaml", "--run", f"runs/{name}/0"]
    training[1] = str(recipe)
    settings = parse(VERBS["train"], training)["settings"]
    assert prepared["layout"] == recipe.parent.name
    assert settings.data.manifest == prepared["out"] / "manifest.csv"
    text = "\n".join(header)
    assert "Hardware: " in text
    if recipe.parent.name in TRAINING_CLIPS:
        assert re.search(r"Paper, Table \d: (R|D|I)?.*\d\d\.\d %", header[0])
        assert "estimate" in text
    else:
        assert "no figure" in text or re.search(r"Result: docs/(results|research)\.md", text)


@pytest.mark.parametrize("name", sorted(counted()))
def test_work_and_memory_of_a_frame_are_as_documented(name: str) -> None:
    """Counted on one clip of 16 frames: floating-point operations, and the tensors that autograd keeps."""
    config = ClassifierConfig(space_encoder=name)
    stream = on_meta(config, ModalitySet(["rgb"]), ("a", "b")).train().encoders[0]
    kept: dict[int, Any] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage()  # held, so that no other takes its place
        return tensor

    counter = FlopCounterMode(display=False)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), counter:
        stream(torch.empty(1, 16, 3, 224, 224, device="meta"), frame_available=None).sum().backward()
    weights = {parameter.untyped_storage()._cdata for parameter in stream.parameters()}
    megabytes = sum(storage.nbytes() for key, storage in kept.items() if key not in weights) / 16 / 1e6
    work, memory = counted()[name]
    assert counter.get_total_flops() / 16 / 1e9 == pytest.approx(work, rel=0.04)
    assert megabytes == pytest.approx(memory, rel=0.04)


def tiny(spec: ModalitySpec) -> dict[str, Any]:
    """The same modality, small; joints keep the data set's own number."""
    fields: dict[str, Any] = {"name": spec.name, "num_frames": 4}
    if spec.kind == "frames":
        fields |= {"shape": [spec.shape[0], 32, 32], "value_range": spec.value_range}
    if spec.kind == "signal":
        fields["shape"] = [spec.shape[0], 8]
    return fields


OVERRIDES = """--data.batch_size 2 --data.num_workers 0 --optim.epochs {epochs}
--model.pretrained false --model.embed_dim 16 --model.num_heads 2 --model.mlp_dim 32
--model.time_depth 1 --model.mae_depth 1 --model.fusion_depth 1 --engine.accumulate 1
--device cpu --engine.threads 1 --engine.progress false"""


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_id)
def test_the_command_trains_two_steps_on_rendered_files(
    recipe: Path,
    manifest: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torchvision.models.video.r2plus1d_18", NarrowVideoNetwork)
    settings, layout = settings_of(recipe), layout_of(recipe)
    known = read_manifest(manifest(layout.name)).specs
    modalities = [tiny(spec) for spec in ModalitySet(settings["data"].modalities, known)]
    epochs = 2 if layout.name == "utd_mhad" else 1  # two training clips there, four in every other layout
    words = ["train", "--config", str(recipe), "--run", str(tmp_path / "run")]
    words += shlex.split(OVERRIDES.format(epochs=epochs))
    words += ["--data.manifest", str(manifest(layout.name)), "--data.modalities", json.dumps(modalities)]
    words += ["--model.space_encoder", NARROW.get(encoder_of(settings["model"]), "grid_cnn")]
    assert main(words) == 0
    names, *rows = [line.split(",") for line in (tmp_path / "run" / "metrics.csv").read_text().splitlines()]
    last = dict(zip(names, rows[-1], strict=True))
    assert last["step"] == "2"
    assert math.isfinite(float(last["loss"]))
    assert ("loss/rec" in last) == (settings["method"].name == "action_mae")
    assert capsys.readouterr().out.splitlines()[0].startswith("subset")
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()

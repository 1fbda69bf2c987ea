"""Every recipe: read by the command line's own parser, built at full size without memory, trained for two steps."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from actionmae.cli import _parse
from actionmae.core.modality import ModalitySet, ModalitySpec, resolve
from actionmae.data.layouts import load_layout
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare import prepare
from actionmae.data.transforms import transform
from actionmae.methods import build_method
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.training.loaders import DataConfig, read_clips, train_loader
from actionmae.training.optim import build_optimizer
from helpers.raw_layouts import RAW

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "configs").glob("*/*.yaml"))
LAYOUT = {"synthetic": "ntu"}


def recipe_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def load(recipe: Path) -> dict[str, Any]:
    return _parse("train", ["--config", str(recipe), "--run", "runs/x"])


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


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_id)
def test_a_recipe_builds_at_full_size_without_memory(recipe: Path) -> None:
    settings = load(recipe)
    data, model = settings["data"], settings["model"]
    layout = load_layout(LAYOUT.get(recipe.parent.name, recipe.parent.name))
    assert data.protocol.startswith(f"{layout.name}/")
    with torch.device("meta"):
        network = MultiModalClassifier(
            modalities=ModalitySet(data.modalities),
            classes=layout.classes,
            config=dataclasses.replace(model, pretrained=False),
        )
    assert all(parameter.is_meta for parameter in network.parameters())
    build_method(settings["method"], network)
    if model.pretrained:  # the paper's models
        assert (model.embed_dim, settings["optim"].lr, settings["optim"].epochs) == (512, 1e-4, 90)
        assert data.batch_size * settings["engine"].accumulate == 32
        assert all(resolve(spec).shape == (3, 224, 224) for spec in data.modalities)


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_id)
def test_a_recipe_says_how_to_run_it(recipe: Path) -> None:
    header = [line for line in recipe.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    text, name = "\n".join(header), recipe_id(recipe)
    assert f"actionmae train --config configs/{name}.yaml --run runs/{name}/0" in text
    assert f"actionmae prepare --layout {recipe.parent.name} " in text
    assert "Hardware: " in text
    assert "Paper" in text or "Result" in text
    assert all(len(line) <= 150 for line in header)


def tiny(spec: ModalitySpec, recorded: dict[str, Any]) -> dict[str, Any]:
    """The same modality, small; joints keep the data set's own number."""
    fields = dict(recorded.get(spec.name, {"name": spec.name})) | {"num_frames": 4, "encoder": spec.encoder}
    if spec.kind == "frames":
        fields |= {"shape": [spec.shape[0], 32, 32], "value_range": spec.value_range, "encoder": "grid_cnn"}
    if spec.kind == "signal":
        fields["shape"] = [spec.shape[0], 8]
    return fields | {"mirror": spec.mirror}


@pytest.mark.parametrize("recipe", RECIPES, ids=recipe_id)
def test_a_recipe_trains_on_rendered_files_of_its_layout(
    recipe: Path, manifest: Callable[[str], Path], generator: torch.Generator
) -> None:
    torch.set_num_threads(1)
    settings = load(recipe)
    layout = load_layout(LAYOUT.get(recipe.parent.name, recipe.parent.name))
    path = manifest(layout.name)
    data: DataConfig = dataclasses.replace(
        settings["data"],
        manifest=path,
        modalities=tuple(tiny(resolve(spec), dict(layout.specs)) for spec in settings["data"].modalities),
        batch_size=1 if len(read_manifest(path).rows) < 6 else 2,
        num_workers=0,
    )
    model = dataclasses.replace(
        settings["model"],
        **{"embed_dim": 16, "num_heads": 2, "mlp_dim": 32, "time_depth": 1, "mae_depth": 1, "fusion_depth": 1},
        pretrained=False,
        space_encoder="grid_cnn",
    )
    clips = read_clips(data)
    network = MultiModalClassifier(modalities=clips.modalities, classes=clips.classes, config=model)
    method = build_method(settings["method"], network)
    optimizer = build_optimizer(method.parameters(), settings["optim"], fused=False)
    before = {name: value.clone() for name, value in network.named_parameters()}
    batches = list(train_loader(clips, data, seed=0, epoch=lambda: 0))
    assert len(batches) == 2
    for batch in batches:
        batch = transform(batch, clips.modalities, augment=data.augment, generator=generator)
        loss = torch.stack(list(method.step(batch, generator).losses.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
    moved = {name.split(".")[0] for name, value in network.named_parameters() if not value.equal(before[name])}
    assert {"encoders", "fusion"} <= moved

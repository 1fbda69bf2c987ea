"""Weights are found by the names of modalities and classes."""

import dataclasses
from pathlib import Path

import pytest
import torch

from actionmae.nn import build_classifier
from actionmae.nn.checkpoint import save_model
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.transfer import freeze, initialise, keep_frozen
from helpers.builders import tiny_modalities

CONFIG = ClassifierConfig(
    embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, mae_depth=1, fusion_depth=1, action_mae=True, token_heads=True
)
CLASSES = ("clap", "wave")


def model(*names: str, classes: tuple[str, ...] = CLASSES, **changes: object) -> MultiModalClassifier:
    config = dataclasses.replace(CONFIG, **changes)
    return build_classifier(tiny_modalities(*names), classes=classes, config=config)


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_a_further_modality_goes_behind_the_others(tmp_path: Path) -> None:
    old = model("skeleton", "inertial")
    save_model(old, tmp_path / "old")
    new = model("skeleton", "inertial", "rgb", space_encoder="test_resnet")
    done = initialise(new, [tmp_path / "old"])
    assert same(new.encoders[0], old.encoders[0])
    assert same(new.action_mae, old.action_mae)
    assert same(new.fusion, old.fusion)
    assert same(new.token_heads[1], old.token_heads[1])
    assert done.new == ("space encoder of rgb", "time encoder of rgb", "token head of rgb")
    before = model("inertial", "rgb", "skeleton", space_encoder="test_resnet")
    with pytest.raises(ValueError, match=r"the ActionMAE in .* knows skeleton, inertial in this order, this model has"):
        initialise(before, [tmp_path / "old"])
    initialise(before, [tmp_path / "old"], parts="encoders")
    assert same(before.encoders[0], old.encoders[1])
    assert same(before.encoders[2], old.encoders[0])
    assert done.loaded["space encoder of skeleton"] == str(tmp_path / "old")


def test_another_dropout_takes_the_weights(tmp_path: Path) -> None:
    old, new = model("skeleton"), model("skeleton", dropout=0.1)
    save_model(old, tmp_path / "old")
    assert initialise(new, [tmp_path / "old"]).new == ()
    assert same(new, old)


def test_new_classes_keep_everything_but_the_classifiers(tmp_path: Path) -> None:
    old = model("skeleton", "inertial")
    save_model(old, tmp_path / "old")
    new = model("skeleton", "inertial", classes=("wave", "clap"))
    fresh = new.fusion.head.weight.clone()
    done = initialise(new, [tmp_path / "old"])
    assert set(done.new) == {"classifier", "token head of skeleton", "token head of inertial"}
    assert torch.equal(new.fusion.head.weight, fresh)
    assert same(new.fusion.layers, old.fusion.layers)


def test_specialists_give_their_encoders(tmp_path: Path) -> None:
    specialists = {name: model(name, action_mae=False) for name in ("skeleton", "inertial")}
    for name, specialist in specialists.items():
        save_model(specialist, tmp_path / name)
    new = model("inertial", "skeleton")
    done = initialise(new, [tmp_path / "skeleton", tmp_path / "inertial"])
    assert list(done.loaded) == [
        f"{kind} encoder of {name}" for name in ("inertial", "skeleton") for kind in ("space", "time")
    ]
    assert same(new.encoders[0], specialists["inertial"].encoders[0])
    assert same(new.encoders[1], specialists["skeleton"].encoders[0])


def test_concat_columns_of_other_modalities_are_not_taken(tmp_path: Path) -> None:
    save_model(model("skeleton", "inertial", fusion="concat", action_mae=False), tmp_path / "old")
    done = initialise(model("inertial", "skeleton", fusion="concat", action_mae=False), [tmp_path / "old"])
    assert "classifier" in done.new


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    save_model(model("skeleton"), tmp_path / "a")
    save_model(model("skeleton"), tmp_path / "b")
    with pytest.raises(
        ValueError, match=r"the space encoder of skeleton is in .*a and in .*b: give each modality once"
    ):
        initialise(model("skeleton"), [tmp_path / "a", tmp_path / "b"])
    with pytest.raises(ValueError, match=r"the space encoder of skeleton in .* was trained with embed_dim 16, this"):
        initialise(model("skeleton", embed_dim=32), [tmp_path / "a"])
    for setting, value in (
        ("num_heads", 4),
        ("positions", "attention"),
        ("final_norm", False),
        ("mae_positions", False),
    ):
        with pytest.raises(ValueError, match=rf"in .* was trained with {setting} .*, this model has '?{value}"):
            initialise(model("skeleton", **{setting: value}), [tmp_path / "a"])
    with pytest.raises(ValueError, match=r"nothing in .* fits this model with inertial"):
        initialise(
            model("inertial", classes=("x", "y"), fusion="concat", action_mae=False, token_heads=False),
            [tmp_path / "a"],
        )
    with pytest.raises(FileNotFoundError, match="is no model folder"):
        initialise(model("skeleton"), [tmp_path / "nowhere"])


def test_space_encoders_alone(tmp_path: Path) -> None:
    old = model("skeleton", "inertial")
    save_model(old, tmp_path / "old")
    new = model("skeleton", "inertial")
    done = initialise(new, [tmp_path / "old"], parts="space")
    assert list(done.loaded) == ["space encoder of skeleton", "space encoder of inertial"]
    assert same(new.encoders[0].space, old.encoders[0].space)
    assert not same(new.encoders[0].time, old.encoders[0].time)
    assert not same(new.fusion, old.fusion)


def test_frozen_parts_get_no_gradient_and_keep_their_statistics(tmp_path: Path) -> None:
    save_model(model("skeleton", "inertial"), tmp_path / "old")
    new = model("skeleton", "inertial")
    freeze(new, initialise(new, [tmp_path / "old"], parts="encoders"))
    assert not any(parameter.requires_grad for parameter in new.encoders.parameters())
    assert all(parameter.requires_grad for parameter in new.action_mae.parameters())
    new.train()
    keep_frozen(new)
    assert not any(module.training for module in new.encoders.modules())
    assert new.fusion.training
    assert new.training


def test_a_shared_time_encoder_moves_as_one_part(tmp_path: Path) -> None:
    shared = {"action_mae": False, "token_heads": False, "fusion": "sum", "time_encoder": "shared_motion"}
    old, other = model("skeleton", "inertial", **shared), model("skeleton", **shared)
    save_model(old, tmp_path / "old")
    save_model(other, tmp_path / "other")
    new = model("inertial", "skeleton", **shared)
    done = initialise(new, [tmp_path / "old"])
    assert set(done.new) == set()
    assert same(new.encoders[0], old.encoders[1])
    assert same(new.encoders[1], old.encoders[0])
    freeze(new, done)
    assert not any(parameter.requires_grad for parameter in new.encoders.parameters())
    with pytest.raises(ValueError, match=r"the time encoder is in .*old and in .*other: give each modality once"):
        initialise(model("inertial", "depth", **shared), [tmp_path / "old", tmp_path / "other"])
    save_model(model("skeleton", **{**shared, "time_encoder": "motion"}), tmp_path / "alone")
    with pytest.raises(ValueError, match="trained with time_encoder 'motion', this model has 'shared_motion'"):
        initialise(new, [tmp_path / "alone"])

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from actionmae.nn import ClassifierConfig, build_classifier
from helpers.builders import tiny_batch, tiny_modalities
from helpers.bypass import with_fields
from helpers.tiny_models import WIDTH, kinds, tiny_classifier, vectors


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "give either num_classes or classes"),
        ({"num_classes": 2, "classes": ["a", "b"]}, "give either num_classes or classes"),
        ({"num_classes": 0}, "num_classes is 0: give a number from 1 to 1,000,000"),
        ({"num_classes": 10**10}, "num_classes is 10000000000: give a number from 1 to 1,000,000"),
        ({"classes": ["wave", "sit", "wave"]}, "class 'wave' is given more than once: name each class once"),
        ({"classes": []}, "no class was given: name at least one"),
        ({"classes": "wave"}, "classes is the text 'wave': give a list of names, for example ['wave']"),
        (
            {"num_classes": 2, "fusion": "summ"},
            "model.fusion is 'summ' (did you mean 'sum'?): registered are average, bilinear, concat",
        ),
        ({"num_classes": 2, "embed_dim": 0}, "model.embed_dim is 0: give a whole number above 0"),
        ({"num_classes": 2, "mae_depth": 0}, "model.mae_depth is 0: give at least 1"),
        ({"num_classes": 2, "dropout": 1.0}, "model.dropout is 1.0: give a probability in [0, 1)"),
        (
            {"num_classes": 2, "encoders": {"sound": "resnet18"}},
            "encoder 'resnet18' cannot read modality 'sound' (features): use features",
        ),
    ],
)
def test_what_cannot_be_built_is_one_sentence(options: dict[str, Any], sentence: str) -> None:
    fields = {name: options.pop(name) for name in ("mae_depth", "dropout", "encoders") if name in options}
    with pytest.raises(ValueError, match=re.escape(sentence)):
        build_classifier(vectors(), **options, config=ClassifierConfig(**fields))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("norm", "layer", "model.norm is 'layer': choose batch, frozen or group"),
        ("positions", "none", "model.positions is 'none': choose input or attention"),
        ("fusion_input", "all", "model.fusion_input is 'all': choose filled, reconstructed or missing"),
    ],
)
def test_a_word_that_is_no_choice_is_refused(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        with_fields(ClassifierConfig(), **{name: value}).__post_init__()


def test_an_unknown_field_of_a_saved_config_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown model field 'depth': known are action_mae"):
        ClassifierConfig.from_dict({"depth": 3})


def test_frames_need_an_image_encoder() -> None:
    with pytest.raises(
        ValueError, match=r"encoder 'joints' cannot read modality 'rgb' \(frames\): use r2plus1d_18, fcn3d, "
    ):
        build_classifier(tiny_modalities("rgb"), 2, space_encoder="joints")


def test_the_encoder_of_a_modality_by_name_then_for_all_then_its_own() -> None:
    config = ClassifierConfig(space_encoder="resnet18", encoders={"depth": "resnet50"})
    rgb, depth, skeleton = tiny_modalities("rgb", "depth", "skeleton")
    assert config.encoder_of(rgb) == "resnet18"
    assert config.encoder_of(depth) == "resnet50"
    assert config.encoder_of(skeleton) == "joints"
    assert ClassifierConfig().encoder_of(rgb) == "resnet34"


def test_the_defaults_are_the_paper_s() -> None:
    config = ClassifierConfig()
    assert (config.embed_dim, config.time_depth, config.num_heads, config.mlp_dim, config.mae_depth) == (
        512,
        2,
        8,
        2048,
        2,
    )
    assert (config.dropout, config.num_memory_tokens, config.fusion, config.fusion_input) == (
        0.0,
        1,
        "transformer",
        "filled",
    )


def test_token_heads_are_there_only_when_asked_for() -> None:
    tokens, available = torch.randn(2, 3, 16), torch.tensor([[True, True, False], [True, False, False]])
    logits = tiny_classifier(vectors(), token_heads=True).classify_tokens(tokens, available)
    assert logits.shape == (2, 3, 5)
    assert torch.equal(logits.abs().amax(dim=2) > 0, available)
    with pytest.raises(ValueError, match="this model has no token heads: build it with token_heads=True"):
        tiny_classifier(vectors()).classify_tokens(tokens, available)


def test_a_row_without_anything_visible_is_refused() -> None:
    batch = tiny_batch(vectors(), 2, available=torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="row 1 of the batch has no visible modality"):
        tiny_classifier(vectors())(batch, torch.tensor([[True, True, True], [False, False, False]]))


def test_a_clip_that_should_exist_and_is_not_there_is_named() -> None:
    batch = tiny_batch(vectors(), 2)
    del batch.clips["touch"]
    with pytest.raises(ValueError, match="available says that touch exists but clips has no touch: add it or clear"):
        tiny_classifier(vectors())(batch)


def test_visible_never_exceeds_what_exists() -> None:
    batch = tiny_batch(vectors(), 4)
    out = tiny_classifier(vectors(), action_mae=True)(batch, torch.ones(4, 3, dtype=torch.bool))
    assert torch.equal(out.visible, batch.available)


def test_what_fusion_sees() -> None:
    """§3.1: originals where visible; the decoder's output everywhere; App. B: only what was missing."""
    batch = tiny_batch(vectors(), 4)
    for fusion_input in ("filled", "reconstructed", "missing"):
        model = tiny_classifier(vectors(), action_mae=True, fusion_input=fusion_input)
        tokens = model.encode(batch)
        seen, filled = model.reconstruct(tokens, batch.available)
        if fusion_input == "missing":
            complete = batch.available.all(dim=1, keepdim=True)
            assert complete.any()
            assert torch.equal(filled, torch.where(complete, batch.available, ~batch.available))
            assert torch.equal(seen[complete[:, 0]], tokens[complete[:, 0]])
            continue
        assert filled.all()
        original = (seen == tokens).all(dim=2)
        assert torch.equal(original, batch.available & (fusion_input == "filled"))


def test_a_completion_fills_missing_tokens_in_place_of_action_mae() -> None:
    batch = tiny_batch(vectors(), 4)
    model = tiny_classifier(vectors(), completion="missing_tokens")
    assert model.completion is not None
    seen, filled = model.reconstruct(model.encode(batch), batch.available)
    expected = torch.where(batch.available[:, :, None], model.encode(batch), model.completion.tokens)
    assert filled.all()
    assert torch.equal(seen, expected)
    with pytest.raises(ValueError, match=r"model.completion is 'missing_token' \(did you mean 'missing_tokens'\?\)"):
        tiny_classifier(vectors(), completion="missing_token")
    with pytest.raises(
        ValueError, match=r"model.action_mae is true and model.completion is 'missing_tokens': one fills"
    ):
        tiny_classifier(vectors(), completion="missing_tokens", action_mae=True)


def test_without_action_mae_only_what_is_visible_is_filled() -> None:
    batch = tiny_batch(vectors(), 4)
    model = tiny_classifier(vectors())
    out = model(batch)
    assert out.reconstructed is None
    _, filled = model.reconstruct(out.tokens, batch.available)
    assert torch.equal(filled, batch.available)


def test_what_does_not_exist_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_classifier(kinds())
    batch = tiny_batch(kinds(), 5)
    seen = []
    for encoder in model.encoders:
        encoder.space.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    out = model(batch)
    assert seen == batch.available.sum(dim=0).tolist()
    assert (out.tokens[~batch.available] == 0).all()


def test_options_change_a_config() -> None:
    model = build_classifier(vectors(), 2, config=ClassifierConfig(**WIDTH), fusion="sum")
    assert model.config == ClassifierConfig(**WIDTH, fusion="sum")
    assert model.classes == ("0", "1")
    assert build_classifier(vectors(), classes=["sit", "stand"], config=model.config).classes == ("sit", "stand")


@pytest.mark.parametrize(("field", "value"), [("encoders", "resnet18"), ("weights", Path("resnet18.safetensors"))])
def test_a_setting_for_an_unknown_modality_is_refused(field: str, value: str | Path) -> None:
    sentence = rf"model\.{field} names 'rbg' \(did you mean 'rgb'\?\), .*: it has rgb, depth"
    with pytest.raises(ValueError, match=sentence):
        build_classifier(("rgb", "depth"), 3, config=ClassifierConfig(**{field: {"rbg": value}}))


def test_frame_features_are_a_step_of_their_own() -> None:
    """What was encoded frame by frame may be kept: tokens from it are the tokens of the clip."""
    model, batch = tiny_classifier(kinds()), tiny_batch(kinds(), 5, lost_frames=True)
    with torch.no_grad():
        features = model.encode_frames(batch)
        assert {name: tuple(each.shape) for name, each in features.items()} == {
            spec.name: (int(batch.available[:, slot].sum()), spec.num_frames, 16) for slot, spec in enumerate(kinds())
        }
        assert torch.equal(model.encode_time(features, batch), model.encode(batch))


def test_a_clip_of_fewer_frames_is_valid() -> None:
    model, batch = tiny_classifier(kinds()), tiny_batch(kinds(), 5)
    short = replace(batch, clips={name: clip[:, :2] for name, clip in batch.clips.items()}).validate(kinds())
    with torch.no_grad():
        logits = model(short).logits
    assert logits.isfinite().all()
    empty = replace(batch, clips={name: clip[:, :0] for name, clip in batch.clips.items()})
    with pytest.raises(ValueError, match=r"T from 1 to 3 and 5 dimensions"):
        empty.validate(kinds())

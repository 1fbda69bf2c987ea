import re
from typing import Any

import pytest
import torch

from actionmae.core.subsets import all_subsets
from actionmae.methods import MethodConfig, StepOutput, build_method
from helpers.builders import tiny_batch
from helpers.bypass import with_fields
from helpers.tiny_models import tiny_classifier, vectors


def step(*, visible_seed: int = 0, model: dict[str, Any] | None = None, **options: Any) -> StepOutput:
    torch.manual_seed(0)
    config = MethodConfig(**options)
    options = {"action_mae": config.name in (None, "action_mae"), "token_heads": config.token_weight > 0} | (
        model or {}
    )
    method = build_method(config, tiny_classifier(vectors(), **options))
    assert method.supported_subsets == all_subsets(3)
    return method.step(tiny_batch(vectors(), 8), torch.Generator().manual_seed(visible_seed))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cls_weight": -1.0}, "method.cls_weight is -1.0: give 0 or more"),
        ({"rec_weight": -0.5}, "method.rec_weight is -0.5: give 0 or more"),
        ({"token_weight": -0.5}, "method.token_weight is -0.5: give 0 or more"),
        ({"label_smoothing": 1.0}, "method.label_smoothing is 1.0: give a share in [0, 1)"),
        ({"name": "mae"}, "method.name is 'mae': choose plain, modality_dropout or action_mae"),
        ({"drop_per": "clip"}, "method.drop_per is 'clip': choose batch or sample"),
        ({"drop_draw": "uniform"}, "method.drop_draw is 'uniform': choose uniform_k or uniform_subset"),
        ({"rec_reduction": "none"}, "method.rec_reduction is 'none': choose mean or sum"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        with_fields(MethodConfig(), **change).__post_init__()


@pytest.mark.parametrize(
    ("options", "model", "sentence"),
    [
        ({"name": "plain"}, {"action_mae": True}, "method 'plain' does not fit a model with action_mae True"),
        (
            {"name": "action_mae"},
            {"action_mae": False},
            "method 'action_mae' does not fit a model with action_mae False",
        ),
        ({"token_weight": 1.0}, {"token_heads": False}, "method.token_weight 1.0 does not fit model.token_heads False"),
        ({"token_weight": 0.0}, {"token_heads": True}, "method.token_weight 0.0 does not fit model.token_heads True"),
    ],
)
def test_method_and_model_must_fit(options: dict[str, Any], model: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        step(**options, model=model)


def test_what_each_method_drops_and_rebuilds() -> None:
    available = tiny_batch(vectors(), 8).available
    plain = step(name="plain")
    assert torch.equal(plain.output.visible, available)
    assert set(plain.losses) == {"cls"}
    dropped = step(name="modality_dropout", drop_per="sample")
    assert not torch.equal(dropped.output.visible, available)
    assert set(dropped.losses) == {"cls"}
    rebuilt = step(drop_per="sample")
    assert torch.equal(rebuilt.output.visible, dropped.output.visible)
    assert set(rebuilt.losses) == {"cls", "rec"}
    assert set(step(token_weight=0.5).losses) == {"cls", "rec", "token"}


@pytest.mark.parametrize(("action_mae", "name"), [(True, "action_mae"), (False, "plain")])
def test_without_a_name_the_method_follows_the_model(action_mae: bool, name: str) -> None:
    assert build_method(MethodConfig(), tiny_classifier(vectors(), action_mae=action_mae)).config.name == name


def test_weights_scale_their_terms() -> None:
    one, other = step(drop_per="sample"), step(drop_per="sample", cls_weight=0.5, rec_weight=3.0)
    torch.testing.assert_close(other.losses["cls"], 0.5 * one.losses["cls"])
    torch.testing.assert_close(other.losses["rec"], 3.0 * one.losses["rec"])
    summed = step(drop_per="sample", rec_reduction="sum")
    torch.testing.assert_close(summed.losses["rec"], 16 * one.losses["rec"])


def test_logs_say_whether_anything_is_learnt() -> None:
    logs = step(drop_per="sample").logs
    rates = {f"{word}/{name}" for word in ("missing", "missing_after_dropping") for name in vectors().names}
    assert set(logs) == {*rates, "token_norm", "rec_error_ratio"}
    assert logs["token_norm"] > 0
    assert logs["rec_error_ratio"] > 0
    assert not any(value.requires_grad for value in logs.values())


def test_logs_say_how_much_is_missing() -> None:
    out = step(drop_per="sample")
    available = tiny_batch(vectors(), 8).available
    for slot, name in enumerate(vectors().names):
        assert out.logs[f"missing/{name}"] == (~available[:, slot]).sum() / 8
        assert out.logs[f"missing_after_dropping/{name}"] == (~out.output.visible[:, slot]).sum() / 8
    assert any(out.logs[f"missing_after_dropping/{name}"] > out.logs[f"missing/{name}"] for name in vectors().names)


def test_a_modality_that_does_not_exist_is_no_target() -> None:
    """Otherwise the zeros in its slot would be rebuilt."""
    batch = tiny_batch(vectors(), 4, available=torch.tensor([[True, False, False]] * 4))
    method = build_method(MethodConfig(), tiny_classifier(vectors(), action_mae=True))
    assert method.step(batch, torch.Generator().manual_seed(0)).losses["rec"] == 0

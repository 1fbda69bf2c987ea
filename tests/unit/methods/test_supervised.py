import re
from typing import Any

import pytest
import torch

from actionmae.core.tensors import ClipBatch
from actionmae.methods import (
    ActionMAEConfig,
    Draws,
    PlainConfig,
    StepOutput,
    Supervised,
    build_method,
    method_config,
)
from actionmae.nn import ClassifierConfig
from helpers.builders import tiny_batch
from helpers.bypass import with_fields
from helpers.methods import method_for
from helpers.tiny_models import WIDTH, tiny_classifier, vectors


def step(*, seed: int = 0, name: str = "action_mae", **options: Any) -> StepOutput:
    torch.manual_seed(0)
    model = tiny_classifier(vectors(), action_mae=name == "action_mae", token_heads=options.get("token_weight", 0) > 0)
    return method_for(model, name=name, **options).step(tiny_batch(vectors(), 8), Draws.from_seed(seed))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cls_weight": -1.0}, "method.cls_weight is -1.0: give 0 or more"),
        ({"rec_weight": -0.5}, "method.rec_weight is -0.5: give 0 or more"),
        ({"token_weight": float("nan")}, "method.token_weight is nan: give 0 or more"),
        ({"label_smoothing": 1.0}, "method.label_smoothing is 1.0: give a number in [0, 1)"),
        ({"drop_per": "clip"}, "method.drop_per is 'clip': choose batch or sample"),
        ({"drop_draw": "uniform"}, "method.drop_draw is 'uniform': choose uniform_k or uniform_subset"),
        ({"rec_gradient": "all"}, "method.rec_gradient is 'all': choose encoders or action_mae"),
        ({"rec_reduction": "none"}, "method.rec_reduction is 'none': choose mean or sum"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        with_fields(ActionMAEConfig(), **change).__post_init__()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "mae"}, "unknown method 'mae': known are plain, modality_dropout, action_mae, "),
        ({"name": "plane"}, "unknown method 'plane' (did you mean 'plain'?)"),
        ({"name": "plain", "rec_weight": 1.0}, "method 'plain' has no field 'rec_weight'"),
        (
            {"name": "action_mae", "rec_wait": 1.0},
            "method 'action_mae' has no field 'rec_wait' (did you mean 'rec_weight'?)",
        ),
    ],
)
def test_fields_belong_to_their_method(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        method_config(fields)


def test_the_paper_s_method_is_the_default() -> None:
    assert method_config({}).name == "cross_prediction"


@pytest.mark.parametrize(
    ("fields", "model", "sentence"),
    [
        ({"name": "plain"}, {"action_mae": True}, "method 'plain' trains a model without ActionMAE"),
        ({"name": "action_mae"}, {}, "method 'action_mae' trains a model with ActionMAE"),
        ({"name": "plain", "token_weight": 1.0}, {}, "method.token_weight is 1.0 but the model has no token heads"),
        ({"name": "plain", "token_weight": 0.0}, {"token_heads": True}, "is 0.0 but the model has token heads"),
    ],
)
def test_method_and_model_must_fit(fields: dict[str, Any], model: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Supervised(model=tiny_classifier(vectors(), **model), config=method_config(fields))


def build(fields: dict[str, Any], **model: Any) -> Supervised:
    config = ClassifierConfig(**WIDTH, **model)
    method = build_method(method_config(fields), modalities=vectors(), classes=("a", "b"), model=config)
    assert isinstance(method, Supervised)
    return method


def test_a_method_builds_what_it_needs() -> None:
    assert build({"name": "action_mae"}).model.action_mae is not None
    plain = build({"name": "plain"}).model
    assert (plain.action_mae, plain.token_heads, plain.supported_subsets) == (None, None, None)
    assert build({"name": "plain", "token_weight": 0.5}).model.token_heads is not None
    with pytest.raises(ValueError, match=r"model.token_heads is true but method.token_weight is 0: give a weight, or"):
        build({"name": "plain"}, token_heads=True)
    for part, given in (("action_mae", True), ("completion", "prior_tokens")):
        with pytest.raises(ValueError, match=f"model.{part} is {given!r} but method 'plain' does not train it: leave"):
            build({"name": "plain"}, **{part: given})
    with pytest.raises(ValueError, match="method 'action_mae' needs a ActionMAEConfig, not a PlainConfig"):
        build_method(PlainConfig(name="action_mae"), modalities=vectors(), classes=("a",), model=ClassifierConfig())


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
    method = method_for(tiny_classifier(vectors(), action_mae=True))
    assert method.step(batch, Draws.from_seed(0)).losses["rec"] == 0


def full_batch() -> ClipBatch:
    return tiny_batch(vectors(), 4, available=torch.ones(4, 3, dtype=torch.bool))


def gradients_of(method: Supervised, draws: Draws) -> tuple[StepOutput, dict[str, torch.Tensor | None]]:
    method.zero_grad()
    step = method.step(full_batch(), draws)
    torch.stack(list(step.losses.values())).sum().backward()
    return step, {name: parameter.grad for name, parameter in method.model.named_parameters()}


def test_what_a_step_does_not_use_gets_no_gradient_at_all() -> None:
    """A gradient of 0 is not None: AdamW would go on with the weights."""
    seen = set()
    for seed in range(12):
        method = method_for(tiny_classifier(vectors(), action_mae=True).train())
        step, gradients = gradients_of(method, Draws.from_seed(seed))
        visible = step.output.visible[0].tolist()
        seen.add(sum(visible))
        for name, gradient in gradients.items():
            part = name.split(".")
            unused = all(visible) if part[0] == "action_mae" else part[0] == "encoders" and not visible[int(part[1])]
            assert (gradient is None) == unused, name
    assert seen == {1, 2, 3}


@pytest.mark.parametrize("name", ["action_mae", "modality_dropout"])
def test_encoding_without_gradient_changes_no_loss_and_no_other_gradient(name: str) -> None:
    for seed in range(6):
        results = []
        for dropped in (None, "encode"):
            torch.manual_seed(0)
            method = method_for(tiny_classifier(vectors(), action_mae=name == "action_mae"), name=name)
            if dropped:
                method._dropped = lambda: "encode"
            results.append(gradients_of(method, Draws.from_seed(seed)))
        (step, lean), (whole, every) = results
        for loss, value in step.losses.items():
            torch.testing.assert_close(value, whole.losses[loss])
        for key, gradient in lean.items():
            if gradient is not None:
                torch.testing.assert_close(gradient, every[key])
            else:
                assert every[key] is None or not every[key].any(), key


def test_eq_5_may_stop_before_the_visible_tokens() -> None:
    """§3.2 to the letter: without the classification loss, no encoder gets a gradient."""
    for rec_gradient in ("encoders", "action_mae"):
        draws = Draws.from_seed(3)
        method = method_for(
            tiny_classifier(vectors(), action_mae=True), cls_weight=0.0, rec_gradient=rec_gradient, drop_per="sample"
        )
        _, gradients = gradients_of(method, draws)
        reached = [
            name
            for name, gradient in gradients.items()
            if name.startswith("encoders.") and gradient is not None and gradient.any()
        ]
        assert bool(reached) == (rec_gradient == "encoders")
        assert gradients["action_mae.memory_token"].any()


def test_one_draw_serves_a_step_and_each_clip_may_have_its_own() -> None:
    method = method_for(tiny_classifier(vectors(), action_mae=True))
    shared = [Draws(shared=torch.Generator().manual_seed(7), own=torch.Generator().manual_seed(at)) for at in (1, 2)]
    one, other = (method.step(full_batch(), draws).output.visible for draws in shared)
    assert torch.equal(one, other)
    method = method_for(tiny_classifier(vectors(), action_mae=True), drop_per="sample")
    shared = [Draws(shared=torch.Generator().manual_seed(7), own=torch.Generator().manual_seed(at)) for at in (1, 2)]
    one, other = (method.step(full_batch(), draws).output.visible for draws in shared)
    assert not torch.equal(one, other)

import math

import pytest
import torch

from actionmae.training.optim import OptimConfig, build_optimizer, learning_rate
from helpers.bypass import with_fields


def test_step_schedule_is_torchs_step_lr():
    config = OptimConfig(lr=0.5, epochs=9, step_epochs=3)
    optimizer = build_optimizer([torch.nn.Parameter(torch.zeros(1))], config, fused=False)
    reference = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
    for epoch in range(9):
        assert learning_rate(config, float(epoch)) == pytest.approx(reference.get_last_lr()[0])
        assert learning_rate(config, epoch + 0.99) == pytest.approx(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()


def test_linear_schedule_meets_the_steps_and_lies_between():
    config = OptimConfig(lr=1.0, schedule="linear", step_epochs=30)
    assert learning_rate(config, 0.0) == 1.0
    assert learning_rate(config, 15.0) == pytest.approx(0.55)
    assert learning_rate(config, 30.0) == pytest.approx(0.1)
    assert learning_rate(config, 60.0) == pytest.approx(0.01)


def test_cosine_ends_at_zero_and_warmup_rises():
    config = OptimConfig(lr=1.0, schedule="cosine", epochs=10, warmup_epochs=2.0)
    assert 0 < learning_rate(config, 0.0) < learning_rate(config, 1.0) < learning_rate(config, 2.0)
    assert learning_rate(config, 5.0) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
    assert learning_rate(config, 10.0) == pytest.approx(0.0)
    assert learning_rate(OptimConfig(lr=1.0, warmup_epochs=0.005), 0.0) == 1.0, "never above the rate itself"


def test_defaults_are_the_papers():
    config = OptimConfig()
    assert (config.lr, config.weight_decay, config.step_epochs, config.gamma) == (1e-4, 1e-4, 30, 0.1)


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("lr", 0.0, "optim.lr is 0.0: give a number above 0"),
        ("epochs", 0, "optim.epochs is 0"),
        ("step_epochs", -1, "optim.step_epochs is -1"),
        ("weight_decay", -1.0, "optim.weight_decay is -1.0: give 0 or more"),
        ("warmup_epochs", -1.0, "optim.warmup_epochs is -1.0"),
        ("gamma", 1.5, "optim.gamma is 1.5: give a factor above 0 and at most 1"),
        ("schedule", "exponential", "optim.schedule is 'exponential': choose step, linear or cosine"),
        ("clip_norm", 0.0, "optim.clip_norm is 0.0: give a norm above 0, or null"),
    ],
)
def test_bad_values_are_refused(field, value, match):
    with pytest.raises(ValueError, match=match):
        with_fields(OptimConfig(), **{field: value}).__post_init__()

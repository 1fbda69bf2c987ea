import pytest
import torch

from actionmae.experiments.cells import NotRunError
from actionmae.experiments.models import Decoded, LeaveOneOut
from actionmae.nn import ClassifierConfig, MultiModalClassifier, build_classifier

SPECS = [
    {"name": name, "letter": letter, "kind": "features", "shape": [5], "num_frames": 2, "value": "raw"}
    | {"encoder": "features"}
    for name, letter in (("left", "L"), ("top", "T"), ("under", "U"))
]
SIZES = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 16}


def small_model(*, action_mae: bool) -> MultiModalClassifier:
    torch.manual_seed(0)
    config = ClassifierConfig(**SIZES, action_mae=action_mae)
    return build_classifier(SPECS, classes=("a", "b", "c"), config=config).eval()


def test_each_token_comes_from_the_others_alone() -> None:
    """No replaced token depends on what stood in its own place; each depends on the other places."""
    model, tokens = LeaveOneOut(small_model(action_mae=True)), torch.randn(4, 3, 16)
    visible = torch.ones(4, 3, dtype=torch.bool)
    replaced, filled = model.reconstruct(tokens, visible)
    assert filled.all()
    for slot in range(3):
        other = tokens.clone()
        other[:, slot] = torch.randn(4, 16)
        again = model.reconstruct(other, visible)[0]
        assert torch.equal(again[:, slot], replaced[:, slot])
        for rest in {0, 1, 2} - {slot}:
            assert not torch.allclose(again[:, rest], replaced[:, rest])


def test_decoded_tokens_are_the_decoders_where_it_sees_all() -> None:
    network, tokens = small_model(action_mae=True), torch.randn(4, 3, 16)
    visible = torch.ones(4, 3, dtype=torch.bool)
    assert network.action_mae is not None
    expected = network.action_mae(tokens, visible).reconstructed
    assert torch.equal(Decoded(network).reconstruct(tokens, visible)[0], expected)


def test_without_action_mae_nothing_is_rebuilt() -> None:
    with pytest.raises(NotRunError, match="tokens can be rebuilt by a model with ActionMAE only"):
        LeaveOneOut(small_model(action_mae=False))

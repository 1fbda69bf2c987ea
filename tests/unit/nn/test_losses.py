import pytest
import torch

from actionmae.nn.losses import classification_loss, reconstruction_loss, token_classification_loss

DROPPED = torch.tensor([[False, True, True], [False, False, False], [True, False, False]])


@pytest.mark.parametrize("normalize_target", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradients_of_eq_5(reduction: str, normalize_target: bool) -> None:
    z, z_hat = (torch.randn(3, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        options = {"reduction": reduction, "normalize_target": normalize_target, "detach_target": False}
        return reconstruction_loss(a, b, DROPPED, **options)

    assert torch.autograd.gradcheck(loss, (z_hat, z))


def test_gradients_of_the_cross_entropies() -> None:
    labels = torch.tensor([0, 2, 1])
    logits = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    token_logits = torch.randn(3, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: classification_loss(x, labels), logits)
    assert torch.autograd.gradcheck(lambda x: token_classification_loss(x, labels, ~DROPPED), token_logits)


def test_nothing_dropped_is_zero_and_attached() -> None:
    z_hat = torch.randn(2, 3, 4, requires_grad=True)
    loss = reconstruction_loss(z_hat, torch.randn(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss == 0
    assert torch.equal(z_hat.grad, torch.zeros_like(z_hat))


def test_eq_5_is_per_sample() -> None:
    """A mean over all dropped tokens of the batch would give 2 / 3 here."""
    z_hat = torch.zeros(2, 3, 4)
    z_hat[0, 1:] = 1
    dropped = torch.tensor([[False, True, True], [True, False, False]])
    assert reconstruction_loss(z_hat, torch.zeros(2, 3, 4), dropped) == 0.5


def test_token_loss_is_the_mean_over_tokens_that_exist() -> None:
    logits, labels, available = torch.randn(2, 3, 5), torch.tensor([1, 4]), torch.tensor([[1, 0, 1], [0, 1, 0]]).bool()
    single = [
        classification_loss(logits[b, m][None], labels[b][None]) for b in range(2) for m in range(3) if available[b, m]
    ]
    logits[~available] = torch.nan
    torch.testing.assert_close(token_classification_loss(logits, labels, available), torch.stack(single).mean())

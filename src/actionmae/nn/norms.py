"""BatchNorm of frame encoders: as it is, as a fixed affine map, or GroupNorm in its place.

BatchNorm statistics of a few correlated frames are noise; with several processes they differ between them.
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from actionmae.core.choices import Norm


class FrozenBatchNorm(nn.Module):
    """BatchNorm as the fixed affine map of its running statistics: nothing in it is trained or updated.

    Args:
        norm: The BatchNorm whose weights and statistics are taken, of any number of dimensions.
        after: What follows it in the same layer (timm's layers hold their activation).
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: _BatchNorm, after: nn.Module) -> None:
        super().__init__()
        self.after = after
        self.eps = norm.eps
        ones, zeros = torch.ones(norm.num_features), torch.zeros(norm.num_features)
        for name, default in (("weight", ones), ("bias", zeros), ("running_mean", zeros), ("running_var", ones)):
            given = getattr(norm, name)
            self.register_buffer(name, default if given is None else given.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """[F, channels, …] → the same shape."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        shape = (1, -1, *[1] * (x.ndim - 2))
        out: Tensor = self.after(x * scale.view(shape) + shift.view(shape))
        return out


def check_norm(norm: Norm, *, pretrained: bool, weights: Path | None) -> None:
    """Refuse GroupNorm in a network that is to start from weights, before they are read or downloaded.

    Raises:
        ValueError: If norm is "group" and there are weights: what their BatchNorm learnt would be thrown away.
    """
    if norm == "group" and (pretrained or weights is not None):
        raise ValueError("norm 'group' cannot take BatchNorm's pretrained weights: use norm 'frozen', or no weights")


def replace_norms(network: nn.Module, norm: Norm, *, name: str) -> nn.Module:
    """The network with its BatchNorm layers as `norm` says, in place; a new one where the network is such a layer.

    Args:
        network: Freshly built or with loaded weights.
        norm: "batch", "frozen" or "group".
        name: What an error calls the network.

    Raises:
        ValueError: If norm is "group" and there is no BatchNorm to replace.
    """
    if norm == "batch":
        return network
    found = [(path, part) for path, part in network.named_modules() if isinstance(part, _BatchNorm)]
    if norm == "group" and not found:
        raise ValueError(f"model.norm is 'group' but {name} has no BatchNorm: leave model.norm at batch")
    for path, part in found:
        parent, _, child = path.rpartition(".")
        # timm's layers apply their activation themselves: what follows the normalisation stays.
        after = nn.Sequential(*(getattr(part, extra) for extra in ("drop", "act") if hasattr(part, extra)))
        if norm == "frozen":
            new: nn.Module = FrozenBatchNorm(part, after)
        else:
            groups = nn.GroupNorm(math.gcd(32, part.num_features), part.num_features)
            new = nn.Sequential(groups, *after) if len(after) else groups
        setattr(network.get_submodule(parent), child, new)
    return network

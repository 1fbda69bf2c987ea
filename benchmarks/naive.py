"""The same model as a straightforward script would run it: the yardstick of the training step.

Frames stay NCHW; every row is encoded, absent ones as zeros; attention is written out head by head; ActionMAE and
fusion go through the batch clip by clip, so that missing tokens can be left out of the sequence.
With nothing missing (or BatchNorm in eval mode) it computes the very numbers of `MultiModalClassifier`.
"""

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actionmae.core.tensors import ClipBatch
from actionmae.nn.action_mae import ActionMAE
from actionmae.nn.attention import SelfAttention, Transformer
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.fusion import TransformerFusion
from actionmae.nn.modality_encoder import ModalityEncoder


class NaiveClassifier(nn.Module):
    """A copy of a model's weights, run naively. R+D+I, transformer fusion, ActionMAE, positions at the input."""

    def __init__(self, model: MultiModalClassifier) -> None:
        super().__init__()
        self.parts = copy.deepcopy(model).to(memory_format=torch.contiguous_format)

    def forward(self, batch: ClipBatch, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, num_classes] and Eq. 6's loss without weights."""
        columns = []
        for slot, spec in enumerate(self.parts.modalities):
            have = batch.available[:, slot]
            clip = batch.clips[spec.name] * have[:, None, None, None, None]
            columns.append(encode(self.parts.encoders[slot], clip))
        tokens = torch.stack(columns, dim=1)  # [B, M, C]
        logits, errors = [], []
        for row in range(len(batch)):
            reconstructed = reconstruct(self.parts.action_mae, tokens[row], visible[row])
            places = zip(visible[row], tokens[row], reconstructed, strict=True)
            filled = torch.stack([token if seen else guess for seen, token, guess in places])
            logits.append(classify(self.parts.fusion, filled))
            dropped = (batch.available[row] & ~visible[row]).nonzero()[:, 0].tolist()
            each = [((reconstructed[slot] - tokens[row, slot].detach()) ** 2).mean() for slot in dropped]
            errors.append(torch.stack(each).mean() if each else tokens.new_zeros(()))
        stacked = torch.stack(logits)
        return stacked, F.cross_entropy(stacked, batch.labels, label_smoothing=0.1) + torch.stack(errors).mean()


def encode(reader: ModalityEncoder, clip: Tensor) -> Tensor:
    """[B, T, C, H, W] → [B, C]."""
    rows, frames = clip.shape[:2]
    features = reader.space.project(reader.space.network(clip.flatten(0, 1))).reshape(rows, frames, -1)
    sequence = torch.cat([reader.time.cls_token.expand(rows, -1, -1), features], dim=1)
    return transform(reader.time.layers, sequence + reader.time.pos[: frames + 1])[:, 0]


def reconstruct(mae: ActionMAE, tokens: Tensor, visible: Tensor) -> Tensor:
    """[M, C] of one clip → its reconstructions [M, C]; the encoder's sequence holds visible tokens only."""
    seen = visible.nonzero()[:, 0].tolist()
    memory, places = mae.memory_token[0] + mae.pos[:1], mae.pos[1:]
    latent = transform(
        mae.encoder, torch.cat([memory, *(tokens[slot : slot + 1] + places[slot] for slot in seen)])[None]
    )
    slots = [mae.dummy_token[0, 0]] * len(tokens)
    for at, slot in enumerate(seen):
        slots[slot] = latent[0, 1 + at]
    sequence = torch.stack([latent[0, 0], *slots]) + mae.pos
    return transform(mae.decoder, sequence[None])[0, 1:]


def classify(fusion: TransformerFusion, tokens: Tensor) -> Tensor:
    """[M, C] of one clip → logits [num_classes]."""
    sequence = torch.cat([fusion.cls_token[0], tokens]) + fusion.pos
    return fusion.head(transform(fusion.layers, sequence[None])[0, 0])


def transform(layers: Transformer, x: Tensor) -> Tensor:
    """Pre-LN blocks over [B, N, C] whose positions are already in."""
    for block in layers.blocks:
        x = x + attend(block.attention, block.norm1(x))
        x = x + block.mlp(block.norm2(x))
    return layers.norm(x)


def attend(attention: SelfAttention, x: Tensor) -> Tensor:
    """Eq. 7–10 head by head."""
    queries, keys, values = (
        F.linear(x, weight, bias).chunk(attention.num_heads, dim=2)
        for weight, bias in zip(attention.qkv.weight.chunk(3), attention.qkv.bias.chunk(3), strict=True)
    )
    heads = []
    for query, key, value in zip(queries, keys, values, strict=True):
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[2])
        heads.append(scores.softmax(dim=2) @ value)
    return attention.proj(torch.cat(heads, dim=2))

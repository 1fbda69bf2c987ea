"""The recipe on the device: uint8 and uint16 → float, cropped, mirrored, jittered (§4.1, Table 3).

Parameters are drawn per clip and are the same for all its frames. Every kind of draw has its own random
numbers, so that switching one augmentation on or off changes no other.

Shapes: B batch, T frame, C channel, H W pixels, P person, J joint, L sample of a window.
"""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from actionmae.core.dropping import drop_frames
from actionmae.core.modality import Mirror, ModalitySet, ModalitySpec
from actionmae.core.seeds import torch_generator
from actionmae.core.tensors import ClipBatch
from actionmae.data.transforms.config import AugmentConfig
from actionmae.data.transforms.coordinates import (
    center_joints,
    mirror_joints,
    mirror_signal,
    signal_spread,
    turn_joints,
)
from actionmae.data.transforms.pixels import to_float


def transform(
    batch: ClipBatch,
    modalities: ModalitySet,
    *,
    augment: AugmentConfig | None = None,
    generator: Generator | None = None,
) -> ClipBatch:
    """Make network input of a batch, on the batch's device. Frames that are float already are left as they are.

    Args:
        batch: As collated.
        modalities: What the clips are.
        augment: None = test: centre crop and nothing random.
        generator: CPU generator; the only source of randomness. Needed with `augment`.

    Returns:
        A new batch: frames [B, T, C, H, W], joints [B, T, P, J, 3] around the person's first place (absent persons 0),
        signal [B, T, C, L], features [B, T, C]; all float32.

    Raises:
        ValueError: If `augment` comes without a generator, or frames are smaller than the input.
    """
    if augment is None:
        draws = None
    elif generator is None:
        raise ValueError("augment was given without a generator: give a seeded CPU torch.Generator")
    else:
        draws = _Draws(augment, len(batch), generator)
        batch = _lose_frames(batch, draws)
    can_mirror = _can_mirror(batch, modalities)
    clips = {}
    for name, clip in batch.clips.items():
        spec = modalities[name]
        if spec.kind == "frames":
            clips[name] = _frames(clip, spec, batch.frame_available.get(name), draws, can_mirror)
        elif spec.kind == "joints":
            clips[name] = _joints(clip, spec, batch, draws, can_mirror)
        elif spec.kind == "signal":
            clips[name] = _signal(clip, spec, batch.frame_available.get(name), draws, can_mirror)
        else:
            clips[name] = clip.float()
    return replace(batch, clips=clips)


class _Draws:
    """Random numbers by purpose: each purpose (and modality) has its own generator, seeded from the caller's."""

    def __init__(self, config: AugmentConfig, rows: int, generator: Generator) -> None:
        self.config = config
        self._rows = rows
        self._seed = int(torch.randint(2**62, (), generator=generator))

    def generator(self, *purpose: str) -> Generator:
        """A CPU generator of its own."""
        return torch_generator(self._seed, *purpose)

    def uniform(self, *purpose: str, columns: int = 1) -> Tensor:
        """[B, columns] uniform in 0–1."""
        return torch.rand(self._rows, columns, generator=self.generator(*purpose))

    def symmetric(self, *purpose: str, columns: int = 1) -> Tensor:
        """[B, columns] uniform in −1…1."""
        return self.uniform(*purpose, columns=columns) * 2 - 1

    def normal(self, *purpose: str, like: Tensor) -> Tensor:
        """Standard normal numbers in the shape and on the device of `like`."""
        return torch.randn(like.shape, generator=self.generator(*purpose)).to(like.device)

    def shared(self, what: str, name: str, columns: int = 1) -> Tensor:
        """As `uniform`, the same for all modalities unless the config says otherwise."""
        return self.uniform(what, *([name] if self.config.independent else []), columns=columns)


def _lose_frames(batch: ClipBatch, draws: _Draws) -> ClipBatch:
    config = draws.config
    if config.frame_fraction == 0.0 and config.span_fraction == 0.0:
        return batch
    lost = dict(batch.frame_available)
    for name, clip in batch.clips.items():
        have = lost.get(name, torch.ones(clip.shape[:2], dtype=torch.bool, device=clip.device))
        lost[name] = drop_frames(
            have,
            generator=draws.generator("lose", name),
            frame_fraction=config.frame_fraction,
            span_fraction=config.span_fraction,
        )
    return replace(batch, frame_available=lost)


def _can_mirror(batch: ClipBatch, modalities: ModalitySet) -> Tensor:
    """[B] on the CPU: whether all the modalities that the clip has can be mirrored."""
    knows = torch.tensor([spec.mirror is not None for spec in modalities])
    return (~batch.available.cpu() | knows).all(dim=1)


def _mirrored(spec: ModalitySpec, draws: _Draws | None, can_mirror: Tensor) -> tuple[Tensor, Mirror] | None:
    """Rows to mirror and how; None = no row."""
    if draws is None or spec.mirror is None:
        return None
    flip = can_mirror & (draws.shared("flip", spec.name)[:, 0] < draws.config.flip)
    return (flip, spec.mirror) if bool(flip.any()) else None


def _frames(
    clip: Tensor, spec: ModalitySpec, frame_available: Tensor | None, draws: _Draws | None, can_mirror: Tensor
) -> Tensor:
    if clip.is_floating_point():
        return clip
    clip = _crop(clip, spec, draws)
    jitter = None
    if draws is not None and (
        (spec.value == "color" and draws.config.color_jitter)
        or (spec.value == "depth" and draws.config.depth_jitter and spec.shape[0] == 3)
    ):
        strength = torch.tensor([1.0, 1.0, 1.0, 0.25]) * draws.config.jitter_strength
        around = torch.tensor([1.0, 1.0, 1.0, 0.0])
        jitter = around + strength * draws.symmetric("jitter", spec.name, columns=4)
    out = to_float(clip, spec, jitter, frame_available)
    mirrored = _mirrored(spec, draws, can_mirror)
    if mirrored is not None:
        flip, mirror = mirrored
        rows = flip.nonzero()[:, 0].to(out.device)
        turned = out[rows].flip(-1)
        turned[:, :, list(mirror.negate)] *= -1
        out[rows] = turned
    return out


def _crop(clip: Tensor, spec: ModalitySpec, draws: _Draws | None) -> Tensor:
    """The same place in all frames of a clip. Slices only: uint16 can do little else."""
    _, height, width = spec.shape
    spare_rows, spare_columns = clip.shape[3] - height, clip.shape[4] - width
    if spare_rows < 0 or spare_columns < 0:
        raise ValueError(
            f"{spec.name} frames are {tuple(clip.shape[3:])} pixels, smaller than the input {(height, width)}: "
            "read them with a ClipDataset of the same modalities"
        )
    if draws is None or not draws.config.shifted_crop:
        top, left = spare_rows // 2, spare_columns // 2
        return clip[..., top : top + height, left : left + width]
    # Fractions of what is spare, so that modalities of different sizes shift alike.
    place = draws.shared("crop", spec.name, columns=2)
    tops = (place[:, 0] * (spare_rows + 1)).long().tolist()
    lefts = (place[:, 1] * (spare_columns + 1)).long().tolist()
    cuts = zip(clip, tops, lefts, strict=True)
    return torch.stack([row[..., top : top + height, left : left + width] for row, top, left in cuts])


def _joints(clip: Tensor, spec: ModalitySpec, batch: ClipBatch, draws: _Draws | None, can_mirror: Tensor) -> Tensor:
    persons = batch.person_available.get(spec.name)
    if persons is None:
        persons = torch.ones(clip.shape[:3], dtype=torch.bool, device=clip.device)
    frames = batch.frame_available.get(spec.name)
    seen = persons if frames is None else persons & frames[:, :, None]
    clip = center_joints(clip.float(), seen)
    if draws is not None:
        config = draws.config
        if config.joint_rotation > 0:
            clip = turn_joints(clip, draws.symmetric("turn", spec.name)[:, 0] * config.joint_rotation)
        if config.joint_scale > 0:
            scale = 1 + draws.symmetric("scale", spec.name) * config.joint_scale
            clip = clip * scale.to(clip.device)[:, :, None, None, None]
        if config.joint_noise > 0:
            clip = clip + draws.normal("noise", spec.name, like=clip) * config.joint_noise
        mirrored = _mirrored(spec, draws, can_mirror)
        if mirrored is not None:
            flip, mirror = mirrored
            clip = torch.where(flip.to(clip.device)[:, None, None, None, None], mirror_joints(clip, mirror), clip)
    return torch.where(seen[..., None, None], clip, 0.0)


def _signal(
    clip: Tensor, spec: ModalitySpec, frame_available: Tensor | None, draws: _Draws | None, can_mirror: Tensor
) -> Tensor:
    clip = clip.float()
    if draws is None:
        return clip
    config = draws.config
    if config.signal_noise > 0:
        noise = draws.normal("noise", spec.name, like=clip) * config.signal_noise
        clip = clip + noise * signal_spread(clip, frame_available)
    if config.signal_scale > 0:
        scale = 1 + draws.symmetric("scale", spec.name) * config.signal_scale
        clip = clip * scale.to(clip.device)[:, :, None, None]
    mirrored = _mirrored(spec, draws, can_mirror)
    if mirrored is not None:
        flip, mirror = mirrored
        clip = torch.where(flip.to(clip.device)[:, None, None, None], mirror_signal(clip, mirror), clip)
    return clip

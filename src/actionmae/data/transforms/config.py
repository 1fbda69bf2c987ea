"""What is varied in training (Table 3), as switches. No torch here."""

import math
from dataclasses import dataclass

from actionmae.data.loading.sampling import FrameChoice


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is varied in training; each is a switch of its own.

    Attributes:
        shifted_crop: Crop at a random place of the region, not at its centre (Table 3).
        flip: Probability of mirroring a clip, if all its modalities have a `mirror`. The paper's recipes say 0.5 (Table
            3, §4.1); nothing is flipped by default, because a mirrored swipe to the left is one to the right.
        color_jitter: Vary brightness, contrast, saturation and hue of color frames (Table 3).
        jitter_strength: s: factors in 1 − s … 1 + s, hue turned by up to ± s/4 of the circle. §4.1 gives no numbers.
        depth_jitter: The same on JET-coloured depth (Table 3: it harms, −1.8).
        independent: Crop and mirror each modality on its own, not all of a clip alike.
        frames: Which frames the data set reads: "random" (Table 3's temporal random sampling), "segments" (one in each
            of T equal parts: every part of the motion is seen) or "uniform" (as in testing).
        joint_rotation: Turn joints about the vertical axis by up to ± this many degrees.
        joint_scale: Scale joints by 1 ± up to this fraction.
        joint_noise: Standard deviation of noise on every coordinate in metres.
        signal_scale: Scale signals by 1 ± up to this fraction.
        signal_noise: Standard deviation of noise on every sample, as a fraction of the channel's own in the clip.
        frame_fraction: Highest fraction of single frames lost, each modality for itself (`core.dropping.drop_frames`).
        span_fraction: Longest span of frames lost, as a fraction of T.
        mixup: α of the Beta distribution that says how clips of a batch are blended in pairs, their labels alike
            (`mixup.mix`); 0 = they are not.

    Raises:
        ValueError: If a value is out of range.
    """

    shifted_crop: bool = True
    flip: float = 0.0
    color_jitter: bool = True
    jitter_strength: float = 0.4
    depth_jitter: bool = False
    independent: bool = False
    frames: FrameChoice = "random"
    joint_rotation: float = 0.0
    joint_scale: float = 0.0
    joint_noise: float = 0.0
    signal_scale: float = 0.0
    signal_noise: float = 0.0
    frame_fraction: float = 0.0
    span_fraction: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "jitter_strength", "joint_scale", "signal_scale", "frame_fraction", "span_fraction"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number between 0 and 1")
        for name in ("joint_rotation", "joint_noise", "signal_noise", "mixup"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number, 0 or more")

"""Which moments of a clip are read. Pure functions of numbers and a generator; numpy only, no torch.

A moment is a *position*, the fraction of the clip's duration (0–1), so that recordings of other fps stay aligned.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from actionmae.core.seeds import numpy_generator

FrameChoice = Literal["random", "segments", "uniform"]


def clip_generator(seed: int, epoch: int, sample: str, num_frames: int) -> np.random.Generator:
    """The generator of one clip's draw in one epoch: the same on every worker, process and resumed run.

    Args:
        seed: Of the run, at least 0.
        epoch: At least 0.
        sample: The clip's name.
        num_frames: T; modalities with equal T share their positions, others draw their own.
    """
    return numpy_generator(seed, "frames", epoch, sample, num_frames)


def sample_positions(
    num_frames: int, longest: int, rng: np.random.Generator | None = None, *, segments: bool = False
) -> NDArray[np.float64]:
    """Draw T positions in ascending order.

    Args:
        num_frames: T, at least 1.
        longest: Frames of the clip's longest recording, at least 1.
        rng: Training: T different frames of it, uniformly at random (§4.1 "temporal random sampling"; a recording
            shorter than T repeats every frame as equally as possible). None: the centres of T equal segments.
        segments: Training: one position at random in each of T equal segments instead (Wang et al. 2016, TSN).

    Returns:
        [T] float64 in 0–1.

    Raises:
        ValueError: If a number is smaller than 1.
    """
    if num_frames < 1 or longest < 1:
        raise ValueError(f"cannot choose {num_frames} of {longest} frames: give at least 1 each")
    if rng is None:
        return (np.arange(num_frames) + 0.5) / num_frames
    if segments:
        return (np.arange(num_frames) + rng.random(num_frames)) / num_frames
    whole, rest = divmod(num_frames, longest)
    chosen = np.repeat(np.arange(longest), whole)
    chosen = np.concatenate([chosen, rng.choice(longest, size=rest, replace=False)])
    return (np.sort(chosen) + 0.5) / longest


def frame_indices(positions: NDArray[np.float64], num_frames: int) -> NDArray[np.int64]:
    """The frames of a recording that lie at these positions.

    Args:
        positions: [T] in 0–1.
        num_frames: Frames of the recording.

    Returns:
        [T] int64 in 0…num_frames − 1, ascending as the positions are.
    """
    return np.clip((positions * num_frames).astype(np.int64), 0, num_frames - 1)


def window_indices(positions: NDArray[np.float64], num_samples: int, length: int) -> NDArray[np.int64]:
    """The samples of a signal in a window around each position; beyond the ends the outermost sample is repeated.

    Args:
        positions: [T] in 0–1, the windows' centres.
        num_samples: Samples of the signal.
        length: L, consecutive samples in each window.

    Returns:
        [T, L] int64 in 0…num_samples − 1.
    """
    start = np.rint(positions * num_samples - length / 2).astype(np.int64)
    indices: NDArray[np.int64] = np.clip(start[:, None] + np.arange(length), 0, num_samples - 1)
    return indices

"""Is a recording recognisably broken? A few numbers of a clip, and the ranges in which healthy clips have them.

The ranges come from healthy clips of the same sensor, with room to spare: a sensor that always looks still, dark or
full of holes is healthy so. What keeps a clip within them, such as a slight blur, is not found. No torch.

Shapes: T frame, c stored channel, H W pixels, J joint, C channel, L sample of a window.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Shaped

from actionmae.core.calibration import Calibration, Ranges
from actionmae.inference.read_stored import StoredSample

Measures = dict[str, float]
"""None below 0; those that end in "fraction" are at most 1."""

ROOM = 2.5
"""A healthy clip may leave the range of those that were seen by this factor: chosen on UTD-MHAD's odd subjects, each
judged by the other three, for at most 1 % false alarms."""

NOT_FINITE = "the model computes nothing finite from it; look for values that no such sensor gives"
"""Why a recording is not used of which the token is not finite."""

_TINY = 1e-6


def measure(sample: StoredSample, name: str) -> Measures:
    """Numbers of one modality of a clip, as it is stored on the host."""
    stored = sample.clips[name]
    clip, persons = stored.clip[0], stored.person_available
    kind = sample.modalities[name].kind
    if kind == "frames":
        return _frames(clip)
    if persons is not None:
        return _joints(clip[persons[0, :, 0], 0].astype(np.float64))
    columns = clip.swapaxes(1, 2) if kind == "signal" else clip[:, None]  # [T, L, C]
    return _signal(columns.astype(np.float64))


def learn_ranges(samples: Iterable[StoredSample]) -> Ranges:
    """The ranges of healthy clips, by modality and measure."""
    seen: dict[str, dict[str, list[float]]] = {}
    for sample in samples:
        for name in sample.clips:
            for key, value in measure(sample, name).items():
                seen.setdefault(name, {}).setdefault(key, []).append(value)
    return {name: {key: _widen(key, values) for key, values in each.items()} for name, each in seen.items()}


def require_ranges(calibration: Calibration | None) -> Ranges:
    """The ranges that a model folder holds.

    Raises:
        ValueError: If it holds none.
    """
    if calibration is None or not calibration.healthy:
        raise ValueError("the model does not know what healthy recordings look like: run actionmae calibrate on it")
    return calibration.healthy


def find_broken(sample: StoredSample, healthy: Ranges) -> dict[str, str]:
    """Why which of the clip's modalities are recognisably broken, in words."""
    broken = {}
    for name in sample.clips:
        found = measure(sample, name)
        for key, (low, high) in healthy.get(name, {}).items():
            if key in found and not low <= found[key] <= high:
                broken[name] = f"it looks broken: {key} is {found[key]:.3g}, healthy is {low:.3g} to {high:.3g}"
                break
    return broken


def _widen(key: str, values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if key.endswith("fraction"):
        return 0.0, 1 - (1 - high) / ROOM
    return low / ROOM, high * ROOM


def _frames(clip: Shaped[np.ndarray, "T c H W"]) -> Measures:
    top = np.iinfo(clip.dtype).max
    pixels = clip.astype(np.float32)
    means, spreads = pixels.mean(axis=(1, 2, 3)), pixels.std(axis=(1, 2, 3))
    edges = np.abs(np.diff(pixels, axis=2)).mean(axis=(1, 2, 3)) / (spreads + _TINY)
    found = {
        "darkest frame": float(means.min()),
        "brightest frame": float(means.max()),
        "lowest contrast": float(spreads.min()),
        "least detail": float(edges.min()),
        "most detail": float(edges.max()),
        "empty fraction": float((clip == 0).mean(axis=(1, 2, 3)).max()),
        "overexposed fraction": float((clip == top).mean(axis=(1, 2, 3)).max()),
    }
    return found | _stillness(pixels)


def _stillness(frames: Float[np.ndarray, "T ..."]) -> Measures:
    """The least that two frames in a row differ; a camera's noise never stands still."""
    if len(frames) < 2:
        return {}
    changes = np.abs(np.diff(frames, axis=0)).mean(axis=tuple(range(1, frames.ndim)))
    return {"least change": float(changes.min())}


def _joints(points: Float[np.ndarray, "T J 3"]) -> Measures:
    if len(points) < 3:
        return {}
    sizes = np.linalg.norm(points - points.mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    steps, turns = (np.abs(np.diff(points, n=order, axis=0)).mean() for order in (1, 2))
    found = {"smallest body": float(sizes.min()), "largest body": float(sizes.max())}
    return found | {"jitter": float(turns / (steps + _TINY))} | _stillness(points)


def _signal(windows: Float[np.ndarray, "T L C"]) -> Measures:
    samples = windows.reshape(-1, windows.shape[2])
    spread = samples.std(axis=0)
    same = (np.diff(samples, axis=0) == 0).mean(axis=0) if len(samples) > 1 else np.zeros(1)
    limit = np.maximum((samples == samples.max(axis=0)).mean(axis=0), (samples == samples.min(axis=0)).mean(axis=0))
    steps = np.abs(np.diff(samples, axis=0)).mean(axis=0) if len(samples) > 1 else np.zeros(1)
    return {
        "peak": float(np.abs(samples).max()),
        "least spread": float(spread.min()),
        "jitter": float((steps / (spread + _TINY)).mean()),
        "held fraction": float(same.max()),
        "saturated fraction": float(limit.max()),
    } | _stillness(windows)

"""Whether the recordings of a clip last equally long, as recordings without clocks must. No torch.

Frames per second need not be known: the lengths of two sensors have the same ratio in all clips of a rig, and a clip
with another ratio has lost frames. Where frames per second are known, the ratio of the durations must be 1, too.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from actionmae.data.check.clip import Length
from actionmae.data.check.report import Finding

_SENSOR_TOLERANCE = 0.1
"""The usual ratio of two sensors' durations may differ from 1 by this fraction."""
_CLIP_TOLERANCE = 0.2
"""A clip's ratio may differ from the usual one by this fraction: cheap sensors lose some frames in every clip."""
_FEW = 3
"""A usual ratio takes at least this many clips."""

_HELP = "docs/reference/manifest.md"
_Pair = tuple[tuple[str, bool], tuple[str, bool]]
"""Two modalities, and for each of them whether its frames per second are known."""


def check_lengths(clips: Mapping[str, Mapping[str, Length]]) -> Iterator[Finding]:
    """One finding for each sensor whose fps disagree, and for each clip that is unlike the others.

    Args:
        clips: By sample, the lengths of its recordings by modality.
    """
    ratios: dict[_Pair, list[float]] = defaultdict(list)
    for lengths in clips.values():
        for pair, ratio in _pairs(lengths):
            ratios[pair].append(ratio)
    usual = {pair: float(np.median(each)) for pair, each in ratios.items() if len(each) >= _FEW}
    yield from _fps(usual)
    for sample, lengths in clips.items():
        yield from _unlike_others(sample, lengths, usual)


def _pairs(lengths: Mapping[str, Length]) -> Iterator[tuple[_Pair, float]]:
    for (first, a), (second, b) in itertools.combinations(lengths.items(), 2):
        yield ((first, a.seconds is not None), (second, b.seconds is not None)), a.value / b.value


def _fps(usual: Mapping[_Pair, float]) -> Iterator[Finding]:
    """One finding for each sensor that disagrees, the one that disagrees with most others first."""
    odd: dict[str, dict[str, float]] = defaultdict(dict)
    for ((first, known), (second, also)), ratio in usual.items():
        if known and also and max(ratio, 1 / ratio) > 1 + _SENSOR_TOLERANCE:
            odd[first][second], odd[second][first] = ratio, 1 / ratio
    while any(odd.values()):
        name = max(odd, key=lambda each: len(odd[each]))
        others = odd.pop(name)
        for other in others:
            del odd[other][name]
        times = ", ".join(f"{ratio:.2f} times as long as {other}" for other, ratio in others.items())
        text = (
            f"by its frames per second {name} usually lasts {times}: harmless if they begin and end together, "
            f"otherwise correct its fps or give them clocks ({_HELP})"
        )
        yield Finding(level="warning", kind="fps", modality=name, text=text)


def _unlike_others(sample: str, lengths: Mapping[str, Length], usual: Mapping[_Pair, float]) -> Iterator[Finding]:
    """The pair of recordings whose ratio is furthest from the usual one."""
    worst, text = 1.0, ""
    for pair, ratio in _pairs(lengths):
        (first, known), (second, also) = pair
        if pair not in usual and known is not also:
            continue  # frames cannot be compared with seconds
        relative = ratio / usual.get(pair, 1.0)
        factor = max(relative, 1 / relative)
        if factor > max(worst, 1 + (_CLIP_TOLERANCE if pair in usual else _SENSOR_TOLERANCE)):
            short, long = (first, second) if relative < 1 else (second, first)
            than = f"beside {long} ({lengths[long]}) than usual" if pair in usual else f"than {long} ({lengths[long]})"
            worst, text = factor, f"{short} ({lengths[short]}) is {factor:.2g} times shorter {than}"
    if text:
        advice = f"copy them again if frames are lost, correct a wrong fps, or give them clocks ({_HELP})"
        yield Finding(level="warning", kind="durations", sample=sample, text=f"{sample}: {text}: {advice}")

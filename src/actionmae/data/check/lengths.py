"""Whether the recordings of a clip last equally long, as recordings without clocks must. No torch.

Their rates need not be known: in all clips of a rig the lengths of two sensors stand in one proportion, and a clip in
which they do not has lost frames. Where the rates are known that proportion must be one, too.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from actionmae.data.check.clip import Length
from actionmae.data.check.report import Finding

_PROPORTION = 0.1
"""The usual proportion of two recordings' durations may differ from one by this share."""
_CLIP = 0.2
"""A clip's proportion may differ from the usual one by this share: cheap sensors lose some frames in every clip."""
_FEW = 3
"""From so many clips on there is a usual proportion."""

_HELP = "docs/reference/manifest.md"
_Pair = tuple[tuple[str, bool], tuple[str, bool]]
"""Two modalities, and of each whether its rate is known."""


def check_lengths(clips: Mapping[str, Mapping[str, Length]]) -> Iterator[Finding]:
    """One finding for each sensor whose rate disagrees, and for each clip that is unlike the others.

    Args:
        clips: By sample, the lengths of its recordings by modality.
    """
    proportions: dict[_Pair, list[float]] = defaultdict(list)
    for lengths in clips.values():
        for pair, proportion in _pairs(lengths):
            proportions[pair].append(proportion)
    usual = {pair: float(np.median(each)) for pair, each in proportions.items() if len(each) >= _FEW}
    yield from _rates(usual)
    for sample, lengths in clips.items():
        yield from _unlike_others(sample, lengths, usual)


def _pairs(lengths: Mapping[str, Length]) -> Iterator[tuple[_Pair, float]]:
    for (first, a), (second, b) in itertools.combinations(lengths.items(), 2):
        yield ((first, a.seconds is not None), (second, b.seconds is not None)), a.value / b.value


def _rates(usual: Mapping[_Pair, float]) -> Iterator[Finding]:
    """One finding for each sensor that disagrees, beginning with the one that disagrees with most others."""
    odd: dict[str, dict[str, float]] = defaultdict(dict)
    for ((first, known), (second, also)), proportion in usual.items():
        if known and also and max(proportion, 1 / proportion) > 1 + _PROPORTION:
            odd[first][second], odd[second][first] = proportion, 1 / proportion
    while any(odd.values()):
        name = max(odd, key=lambda each: len(odd[each]))
        others = odd.pop(name)
        for other in others:
            del odd[other][name]
        times = ", ".join(f"{proportion:.2f} times as long as {other}" for other, proportion in others.items())
        text = (
            f"by the rates {name} usually lasts {times}: harmless if they begin and end together, otherwise correct "
            f"the rate or give them clocks ({_HELP})"
        )
        yield Finding(level="warning", kind="rates", modality=name, text=text)


def _unlike_others(sample: str, lengths: Mapping[str, Length], usual: Mapping[_Pair, float]) -> Iterator[Finding]:
    """The pair that is furthest from what is usual."""
    worst, text = 1.0, ""
    for pair, proportion in _pairs(lengths):
        (first, known), (second, also) = pair
        if pair not in usual and known is not also:
            continue  # frames of one, seconds of the other, and nothing to judge by
        share = proportion / usual.get(pair, 1.0)
        factor = max(share, 1 / share)
        if factor > max(worst, 1 + (_CLIP if pair in usual else _PROPORTION)):
            short, long = (first, second) if share < 1 else (second, first)
            than = f"beside {long} ({lengths[long]}) than usual" if pair in usual else f"than {long} ({lengths[long]})"
            worst, text = factor, f"{short} ({lengths[short]}) is {factor:.2g} times shorter {than}"
    if text:
        advice = f"copy them again if frames are lost, correct a wrong rate, or give them clocks ({_HELP})"
        yield Finding(level="warning", kind="durations", sample=sample, text=f"{sample}: {text}: {advice}")

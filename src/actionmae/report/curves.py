"""Curves over time as a piece of HTML for a page that brings the colours: drawn as the report draws its own."""

from collections.abc import Mapping, Sequence

import numpy as np

from actionmae.report.figures import Line
from actionmae.report.page import templates


def curves_html(curves: Mapping[str, Sequence[tuple[float, float]]], *, title: str) -> str:
    """The title, a legend, and inline SVG without scripts; each point says in words what it is.

    Args:
        curves: By name, which may hold anything and is shown as text: points (seconds, percent 0–100), in time.
        title: What is shown, in words.
    """
    end = max(seconds for points in curves.values() for seconds, _ in points)
    lines = [
        Line(slot=slot, points=[(at, share, f"{name} {share:.0f} % at {at:.2f} s") for at, share in points])
        for slot, (name, points) in enumerate(curves.items())
    ]
    ticks = [round(float(tick), 2) for tick in np.linspace(0, end, 6)]
    slots = list(enumerate(curves))
    return templates().get_template("curves.html").render(slots=slots, lines=lines, title=title, ticks=ticks)

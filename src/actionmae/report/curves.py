"""Curves over time as a piece of HTML for a page that brings the colours: drawn as the report draws its own."""

from collections.abc import Mapping, Sequence

import numpy as np

from actionmae.report.figures import Line
from actionmae.report.page import templates


def curves_html(
    curves: Mapping[str, Sequence[tuple[float, float]]], *, title: str, slots: Mapping[str, int] | None = None
) -> str:
    """The title, a legend, and inline SVG without scripts; each point says in words what it is.

    Args:
        curves: By name, which may hold anything and is shown as text: points (seconds, percent 0–100), in time.
        title: What is shown, in words.
        slots: The colour of each name, by its number; None = as they come. Give the same to charts side by side.
    """
    slots = slots or {name: slot for slot, name in enumerate(curves)}
    lines = [
        Line(slot=slots[name], points=[(at, share, f"{name} {share:.0f} % at {at:.2f} s") for at, share in points])
        for name, points in curves.items()
    ]
    end = max(at for points in curves.values() for at, _ in points)
    ticks = [round(float(tick), 2) for tick in np.linspace(0, end, 6)]
    legend = [(slots[name], name) for name in curves]
    return templates().get_template("curves.html").render(legend=legend, lines=lines, title=title, ticks=ticks)

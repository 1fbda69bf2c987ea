"""Charts as inline SVG without scripts. Widths are percentages and text is in pixels, so they stay readable on a phone.

Colours are classes (`s0` … `s7` for entries) that report.css defines for light and dark pages.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from actionmae.report.markup import Html, tag

NUM_COLOURS = 8

# Share of the width for 100 %; the rest holds the number behind the longest bar.
_BAR_SPACE = 0.84


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar.

    Attributes:
        slot: Colour, an entry's `slot`.
        name: Whose bar, for screen readers and the tooltip.
        value: Length, in the units of the axis; None = n/a.
        low: Start of the whisker.
        high: End of the whisker.
        label: The printed number.
    """

    slot: int
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    label: str


def legend(names: Sequence[tuple[int, str]]) -> Html | None:
    """Colour swatches of (slot, name); None for a single entry."""
    if len(names) < 2:
        return None
    items = [tag("li", tag("span", class_=f"swatch s{slot % NUM_COLOURS}"), name) for slot, name in names]
    return tag("ul", *items, class_="legend")


def bar_chart(
    groups: Sequence[tuple[str, str, Sequence[Bar]]], *, title: str, top: float, mark: tuple[float, str] | None = None
) -> Html:
    """Horizontal bars in groups, one group below the other, over one axis from 0 to `top`.

    Args:
        groups: (bold name, muted explanation, bars).
        title: What a screen reader says.
        top: End of the axis.
        mark: A dotted line with its name, for example chance level.
    """
    height, gap, body = 13, 4, []
    y = 6
    for name, note, bars in groups:
        y += 14
        body.append(tag("text", tag("tspan", name, class_="strong"), tag("tspan", note, dx=8), x=0, y=y, class_="halo"))
        y += 6
        for bar in bars:
            body += _bar(bar, y, height, top)
            y += height + gap
        y += 12
    ticks = [top * step / 4 for step in range(5)]
    axis = [tag("line", x1=_x(tick, top), x2=_x(tick, top), y1=4, y2=y - 6, class_="grid") for tick in ticks]
    axis += [
        tag("text", f"{tick:.0f}", x=_x(tick, top), y=y + 10, class_="tick", text_anchor="middle" if at else "start")
        for at, tick in enumerate(ticks)
    ]
    if mark is not None:
        x = _x(mark[0], top)
        axis.append(tag("g", tag("title", mark[1]), tag("line", x1=x, x2=x, y1=4, y2=y - 6, class_="mark")))
    return tag("svg", *axis, *body, role="img", aria_label=title, width="100%", height=y + 16)


def _x(value: float, top: float) -> str:
    return f"{100 * _BAR_SPACE * min(max(value / top, 0.0), 1.0):.2f}%"


def _bar(bar: Bar, y: int, height: int, top: float) -> list[Html]:
    colour = f"s{bar.slot % NUM_COLOURS}"
    if bar.value is None:
        return [tag("text", bar.label, x=0, dx=6, y=y + height - 3, class_="number muted")]
    rect = tag("rect", x=0, y=y, width=_x(bar.value, top), height=height, rx=2, class_=colour)
    parts = [tag("g", tag("title", f"{bar.name}: {bar.label}"), rect)]
    end = bar.value
    if bar.low is not None and bar.high is not None:
        middle, end = y + height / 2, max(bar.high, bar.value)
        ends = {"x1": _x(bar.low, top), "x2": _x(bar.high, top)}
        parts.append(tag("line", **ends, y1=middle, y2=middle, class_="whisker"))
        parts += [tag("line", x1=x, x2=x, y1=middle - 3, y2=middle + 3, class_="whisker") for x in ends.values()]
    parts.append(tag("text", bar.label, x=_x(end, top), dx=7, y=y + height - 2.5, class_="number"))
    return parts


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: its colour (an entry's slot), whose it is, and its points as (x, y), both 0–100."""

    slot: int
    name: str
    points: Sequence[tuple[float, float]]


def line_chart(lines: Sequence[Line], *, title: str, height: int = 240) -> Html:
    """Lines over two axes from 0 to 100; the numbers of the y axis stand on its grid lines."""
    top, bottom = 14, height - 26

    def place(point: tuple[float, float]) -> tuple[str, float]:
        return f"{7 + 0.90 * point[0]:.2f}%", round(bottom - (bottom - top) * point[1] / 100, 1)

    body = []
    for tick in (0.0, 25.0, 50.0, 75.0, 100.0):
        x, y = place((tick, tick))
        body.append(tag("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"))
        body.append(tag("text", f"{tick:.0f}", x=0, y=y - 3, class_="tick"))
        body.append(tag("text", f"{tick:.0f}", x=x, y=height - 8, class_="tick", text_anchor="middle"))
    for line in lines:
        colour, at = f"s{line.slot % NUM_COLOURS}", [place(point) for point in line.points]
        pairs = itertools.pairwise(at)
        body += [tag("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], class_=f"curve {colour}") for a, b in pairs]
        for point, (x, y) in zip(line.points, at, strict=True):
            tip = tag("title", f"{line.name}: {point[1]:.1f} % right with {point[0]:.0f} % lost")
            body.append(tag("g", tip, tag("circle", cx=x, cy=y, r=3.5, class_=colour)))
    return tag("svg", *body, role="img", aria_label=title, width="100%", height=height)


def dumbbell(before: float, after: float, slot: int) -> Html:
    """A small line from one percentage to another, for a table cell; the cells beside it hold the numbers."""
    a, b = (f"{4 + 0.92 * value:.1f}%" for value in (before, after))
    return tag(
        "svg",
        tag("line", x1="4%", x2="96%", y1=8, y2=8, class_="grid"),
        tag("line", x1=a, x2=b, y1=8, y2=8, class_="whisker"),
        tag("circle", cx=a, cy=8, r=4, class_="hollow"),
        tag("circle", cx=b, cy=8, r=4, class_=f"s{slot % NUM_COLOURS}"),
        width="100%",
        height=16,
        aria_hidden="true",
    )


def heat_map(counts: Int64[np.ndarray, "K K"], classes: Sequence[str], *, title: str) -> Html:
    """A confusion matrix, each row as shares of its label; class names up to 40 classes, tooltips always."""
    size = len(classes)
    cell = 16 if size <= 20 else 12 if size <= 40 else 6
    names = [name if len(name) <= 22 else name[:21] + "…" for name in classes]
    font = min(11, cell - 2)
    left = int(0.60 * font * max(map(len, names))) + 10 if size <= 40 else 4
    body = [tag("rect", x=left, y=0, width=size * cell, height=size * cell, class_="field")]
    totals = counts.sum(axis=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = counts[row, column] / totals[row]
        tip = f"{classes[row]} taken for {classes[column]}: {counts[row, column]} of {totals[row]}"
        if row == column:
            tip = f"{classes[row]}: {counts[row, column]} of {totals[row]} right"
        box = {"x": left + int(column) * cell, "y": int(row) * cell, "width": cell, "height": cell}
        colour = "hit" if row == column else "miss"
        shade = tag("rect", **box, class_=colour, fill_opacity=f"{0.15 + 0.85 * share:.2f}")
        body.append(tag("g", tag("title", tip), shade))
    height = size * cell
    if size <= 40:
        for at, name in enumerate(names):
            middle = at * cell + cell / 2 + font * 0.35
            body.append(tag("text", name, x=left - 5, y=middle, text_anchor="end", font_size=font))
            turn = f"translate({left + middle:.1f},{height + 6}) rotate(-90)"
            body.append(tag("text", name, transform=turn, text_anchor="end", font_size=font))
        height += left
    width = left + size * cell + 2
    return tag(
        "svg",
        *body,
        role="img",
        aria_label=title,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        class_="heat",
    )

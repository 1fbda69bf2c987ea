"""HTML and SVG elements as safe strings: whatever is not already markup is escaped, so no user string slips through."""

from __future__ import annotations

import html
from collections.abc import Iterable


class Html(str):
    """Markup that needs no escaping any more."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """One element; children and attribute values are escaped unless they are `Html`.

    Args:
        name: Element name.
        *children: Text or elements; None is skipped.
        **attributes: `class_` becomes class, `text_anchor` text-anchor; None is left out, True has no value.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        parts.append(label if value is True else f'{label}="{html.escape(str(value))}"')
    head = " ".join(parts)
    if not children and name in ("img", "meta", "rect", "line", "circle"):
        return Html(f"<{head}/>")
    return Html(f"<{head}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    """Children one after the other, escaped unless they are `Html`; None is skipped."""
    given = (child for child in children if child is not None)
    return Html("".join(child if isinstance(child, Html) else html.escape(str(child)) for child in given))

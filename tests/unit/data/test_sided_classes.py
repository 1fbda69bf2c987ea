"""Class names that a mirror exchanges."""

from actionmae.data.layouts import load_layout
from actionmae.data.sided_classes import sided_classes


def test_words_are_found_and_parts_of_words_are_not() -> None:
    names = ["swipe left", "turn-right", "Left_hand", "bright light", "leftover", "copyright", "rotate clockwise"]
    assert sided_classes(names) == ["swipe left", "turn-right", "Left_hand", "rotate clockwise"]


def test_of_the_public_data_sets_only_utd_mhad_has_some() -> None:
    sided = {name: sided_classes(load_layout(name).classes) for name in ("ntu120", "nw_ucla", "uwa3d", "utd_mhad")}
    assert {name: len(found) for name, found in sided.items()} == {"ntu120": 0, "nw_ucla": 0, "uwa3d": 0, "utd_mhad": 4}

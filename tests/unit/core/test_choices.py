from typing import Literal

import pytest

from actionmae.core.choices import check_choice, did_you_mean

Fruit = Literal["apple", "pear", "plum"]


def test_a_listed_word_passes() -> None:
    check_choice("fruit", "pear", Fruit)


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^basket\.fruit is 'leek': choose apple, pear or plum$"):
        check_choice("basket.fruit", "leek", Fruit)


def test_a_close_name_is_suggested() -> None:
    assert did_you_mean("rbg", ["depth", "rgb"]) == " (did you mean 'rgb'?)"
    assert did_you_mean("sound", ["depth", "rgb"]) == ""

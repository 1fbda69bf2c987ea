from typing import Literal

import pytest

from actionmae.core.choices import check_choice

Fruit = Literal["apple", "pear", "plum"]


def test_a_listed_word_passes() -> None:
    check_choice("fruit", "pear", Fruit)


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^basket\.fruit is 'leek': choose apple, pear or plum$"):
        check_choice("basket.fruit", "leek", Fruit)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets, format_subset, parse_subset

RDI = ModalitySet(["rgb", "depth", "ir"])


def test_the_order_is_that_of_table_5() -> None:
    names = [format_subset(subset, RDI) for subset in all_subsets(3)]
    assert names == ["R+D+I", "R+D", "R+I", "D+I", "R", "D", "I"]


@given(m=st.integers(1, 7))
@settings(max_examples=7, deadline=None)
def test_every_subset_comes_once(m: int) -> None:
    subsets = all_subsets(m)
    assert len(set(subsets)) == len(subsets) == 2**m - 1
    assert all(subset == tuple(sorted(set(subset))) for subset in subsets)


@given(subset=st.sampled_from(all_subsets(3)), order=st.randoms(use_true_random=False), words=st.booleans())
@settings(max_examples=30, deadline=None)
def test_parsing_undoes_formatting_in_any_order(subset: tuple[int, ...], order, words: bool) -> None:
    assert parse_subset(format_subset(subset, RDI), RDI) == subset
    parts = [RDI[slot].name if words else RDI[slot].letter for slot in subset]
    order.shuffle(parts)
    assert parse_subset(" + ".join(parts), RDI) == subset


def test_thirty_sensors_have_thirty_letters() -> None:
    armbands = ({"name": f"band{at}", "letter": f"A{at}", "kind": "signal", "shape": [6, 8]} for at in range(1, 31))
    modalities = ModalitySet([{**each, "value": "raw", "encoder": "signal"} for each in armbands])
    assert format_subset((0, 10, 29), modalities) == "A1+A11+A30"
    assert parse_subset("A30+A1+band11", modalities) == (0, 10, 29)
    assert repr(modalities).startswith("ModalitySet(A1+A2+A3+")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "R+X",
            r"unknown modality 'X' in subset 'R\+X': known are R \(rgb\), D \(depth\), I \(ir\); write for example",
        ),
        ("", r"unknown modality '' in subset ''"),
        ("R+rgb", r"subset 'R\+rgb' names a modality twice: name each once"),
    ],
)
def test_what_is_no_subset_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_subset(text, RDI)


def test_no_modality_has_no_subsets() -> None:
    with pytest.raises(ValueError, match="num_modalities is 0: give at least 1"):
        all_subsets(0)

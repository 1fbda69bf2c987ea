import numpy as np
import pytest

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets, format_subset
from actionmae.evaluation import SubsetScores
from actionmae.evaluation.compare import Difference
from actionmae.experiments.cells import NotRunError
from actionmae.experiments.claims import Claim, judge
from helpers.fake_classifier import chosen_scores

RDI = ModalitySet(["rgb", "depth", "ir"])
N = 400


def runs(**rates: float) -> list[SubsetScores]:
    """Two seeds with exactly these top-1, as fractions; R, D, I and pairs as given, the rest 0.9."""
    hits = {}
    for subset in all_subsets(3):
        name = format_subset(subset, RDI).replace("+", "")
        hits[subset] = [at < round(N * rates.get(name, 0.9)) for at in np.random.default_rng(len(hits)).permutation(N)]
    return [chosen_scores(RDI, hits)] * 2


MODELS = {
    "strong R+D+I": runs(R=0.8, D=0.85, I=0.8),
    "weak R+D+I": runs(R=0.2, D=0.85, I=0.3, RD=0.8, RI=0.8, DI=0.8),
}


def verdict(*terms: str, **limits: float) -> tuple[str, str]:
    claim = Claim(table="4", text="", terms=terms, **limits)
    return judge(claim, MODELS.__getitem__, lambda name: name)


def test_a_claim_holds_fails_or_is_undecided() -> None:
    assert verdict("+ strong R+D+I incomplete", "- weak R+D+I incomplete")[0] == "holds"
    assert verdict("+ weak R+D+I incomplete", "- strong R+D+I incomplete")[0] == "fails"
    assert verdict("+ strong R+D+I D", "- weak R+D+I D") == ("undecided", "0.0 [0.0, 0.0], 2 seeds")


@pytest.mark.parametrize(
    ("terms", "value"),
    [
        (["+ weak R+D+I full"], 90),
        (["+ weak R+D+I singles"], 45),
        (["+ weak R+D+I pairs"], 80),
        (["+ weak R+D+I incomplete"], 62.5),
        (["+ weak R+D+I mean_delta"], -27.5),
        (["+ weak R+D+I spread"], 65),
        (["+ weak R+D+I R+I"], 80),
        (["+ weak R+D+I spread", "- strong R+D+I spread"], 60),
    ],
)
def test_what_is_measured(terms: list[str], value: float) -> None:
    text = verdict(*terms)[1]
    assert float(text.split()[0].replace("−", "-")) == pytest.approx(value)


@pytest.mark.parametrize(
    ("low", "high", "limits", "expected"),
    [
        (11, 14, {"more_than": 10.0}, "holds"),
        (9, 14, {"more_than": 10.0}, "undecided"),
        (5, 9, {"more_than": 10.0}, "fails"),
        (-1, 1, {"less_than": 2.0}, "holds"),
        (-1, 3, {"less_than": 2.0}, "undecided"),
        (3, 4, {"less_than": 2.0}, "fails"),
        (-4, -3, {"less_than": 2.0}, "fails"),
    ],
)
def test_the_rule(low: float, high: float, limits: dict[str, float], expected: str) -> None:
    claim = Claim(table="1", text="", terms=["+ a R full"], **limits)
    assert claim.verdict(Difference(mean=(low + high) / 2, low=float(low), high=float(high))) == expected


def test_a_claim_about_what_was_not_run_says_why() -> None:
    def nothing(model: str) -> list[SubsetScores]:
        raise NotRunError("the data has no I")

    claim = Claim(table="4", text="", terms=["+ a R+I full"])
    assert judge(claim, nothing, str) == ("not run", "the data has no I")
    assert judge(claim, lambda _: [], str) == ("not run", "not trained yet")

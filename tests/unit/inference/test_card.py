import numpy as np

from actionmae.core.calibration import Calibration
from actionmae.evaluation import RobustnessTable, SubsetScores
from actionmae.inference.card import model_card
from actionmae.nn.build import build_classifier
from actionmae.nn.config import ClassifierConfig
from helpers.tiny_models import VECTORS, WIDTH

FACTS = {
    "settings": {
        "method": {"name": "plain"},
        "optim": {"epochs": 1},
        "engine": {"seed": 0},
        "data": {"protocol": "split"},
    },
    "clips": {"train": 3},
    "date": "2026-01-01",
}


def test_class_names_are_plain_text() -> None:
    model = build_classifier(
        VECTORS, classes=["<b>wave</b>", "a|b `c`", "# *d* [e](f)"], config=ClassifierConfig(**WIDTH)
    )
    assert model_card(model, None, FACTS).endswith(r"Classes: \<b\>wave\</b\>, a\|b \`c\`, \# \*d\* \[e\](f)" + "\n")


def test_a_joined_model_says_what_it_is_made_of_as_far_as_that_was_written_down() -> None:
    model = build_classifier(VECTORS, classes=["wave", "clap"], config=ClassifierConfig(**WIDTH))
    inner = {"trainings": [{"folder": "a", **FACTS}, {"folder": "b", **FACTS, "clips": {"train": 4}}]}
    older = {"specialists": {"D": "runs/depth/model"}}
    facts = {"date": "2026-02-02", "trainings": [{"folder": "joined", **inner}, {"folder": "old", **older}, {}]}
    card = model_card(model, None, facts)
    assert "3 train clips by the protocol `split` of `a manifest`.\n4 train clips" in card
    assert "Unknown: a model was saved without saying so." in card
    assert "- `a`: method `plain`, 1 epochs, seed 0, 2026-01-01\n- `b`: method" in card
    assert "- `runs/depth/model`: saved without its settings\n- saved without its settings" in card


def test_it_says_what_it_is_for_and_what_it_cannot_do() -> None:
    model = build_classifier(VECTORS, classes=["wave", "clap"], config=ClassifierConfig(**WIDTH))
    model.supported_subsets = ((0, 1), (2,))
    scores = SubsetScores(
        modalities=model.modalities,
        classes=model.classes,
        sample_ids=("a", "b"),
        subjects=("", ""),
        labels=np.array([0, 1]),
        available=np.ones((2, 3), dtype=bool),
        logits={(0, 1): np.eye(2, dtype=np.float32), (2,): np.eye(2, dtype=np.float32)[::-1].copy()},
    )
    card = model_card(model, RobustnessTable.from_scores(scores), FACTS)
    for words in ("## Intended use", "## Limits", "## Training data", "3 train clips by the protocol `split`"):
        assert words in card
    assert "weakest from Z alone: 0.0 %" in card
    assert "It predicts only from X+Y, Z." in card
    assert "not calibrated" in card
    model.calibration = Calibration(pooled=1.0)
    assert "not calibrated" not in model_card(model, None, FACTS)

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

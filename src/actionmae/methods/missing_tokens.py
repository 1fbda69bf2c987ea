"""Modality dropout with a learned token in the place of each missing modality.

Ramazanova, Pardo, Alwassel, Ghanem, *Exploring Missing Modality in Multimodal Egocentric Datasets* (2024, arXiv
2401.11470): the missing modality token.

From the paper: the token replaces a missing modality at the input of the fusion, is learnt by dropping modalities at
random in training, and nothing is reconstructed. Choices: one token per modality (theirs has one missing modality), and
how modalities are dropped, which is ActionMAE's way.
"""

from collections.abc import Sequence

from actionmae.core.modality import ModalitySet
from actionmae.methods.base import own_model
from actionmae.methods.config.supervised import PlainConfig
from actionmae.methods.supervised import Supervised
from actionmae.nn.config import ClassifierConfig


class MissingTokens(Supervised):
    """`Supervised` modality dropout around a model with completion "missing_tokens"; universal: yes."""

    @classmethod
    def build(
        cls, config: PlainConfig, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig
    ) -> "MissingTokens":
        """The model as it is asked for, with the tokens.

        Raises:
            ValueError: If `model` asks for parts that would not be trained.
        """
        parts = {"completion": "missing_tokens", "token_heads": config.token_weight > 0}
        network = own_model(config.name, modalities=modalities, classes=classes, model=model, **parts)
        return cls(model=network, config=config)

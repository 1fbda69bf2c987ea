"""What of a `MultiModalClassifier` can move into another model, see `transfer`."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from actionmae.core.modality import ModalitySet
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.fusion import ConcatFusion, SumFusion, TransformerFusion
from actionmae.nn.modality_encoder import encoder_parts, shared_time_part, token_head_part
from actionmae.nn.parts import Part


def classifier_parts(
    modalities: ModalitySet, classes: Sequence[str], config: ClassifierConfig, fusion: nn.Module
) -> list[Part]:
    """All parts that such a model may have; those without weights in its state dict are not there.

    Args:
        modalities: In slot order.
        classes: Names in the order of the logits.
        config: What it was built from.
        fusion: Its fusion; the paper's three divide further.
    """
    parts = []
    for slot, spec in enumerate(modalities):
        parts += encoder_parts(spec, config, f"encoders.{slot}.")
        parts.append(token_head_part(spec, config, classes, f"token_heads.{slot}."))
    parts += shared_time_part(modalities, config)
    return [*parts, *_shared_parts(modalities.names, classes, config, fusion)]


def _shared_parts(
    names: Sequence[str], classes: Sequence[str], config: ClassifierConfig, fusion: nn.Module
) -> list[Part]:
    only_for: dict[str, Any] = {"classes": list(classes)}
    mae: dict[str, Any] = {"mae_depth": config.mae_depth, "num_memory_tokens": config.num_memory_tokens}
    mae |= {"mae_positions": config.mae_positions, "modalities": list(names)}
    action_mae = Part(role="ActionMAE", prefix="action_mae.", settings={**config.layer_settings(), **mae})
    completion = {"embed_dim": config.embed_dim, "completion": config.completion, "modalities": list(names)}
    fillers = [action_mae, Part(role="completion", prefix="completion.", settings=completion)]
    if isinstance(fusion, SumFusion | ConcatFusion | TransformerFusion):
        layers = {**config.layer_settings(), "fusion_depth": config.fusion_depth}
        return [*fillers, *fusion.parts(names, layers, only_for)]
    whole = {"fusion": config.fusion, "modalities": list(names)}
    return [*fillers, Part(role="fusion", prefix="fusion.", settings=whole, only_for=only_for)]

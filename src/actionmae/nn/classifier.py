"""The whole model (Fig. 3): `MultiModalClassifier` = encode → reconstruct → classify.

Legend: B batch, M modality, C embed_dim.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.tensors import ClassifierOutput, ClipBatch, check_visible
from actionmae.nn.action_mae import ActionMAE
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.fusion import ConcatFusion, SumFusion, TransformerFusion, logits_by_slot
from actionmae.nn.modality_encoder import build_modality_encoder


class MultiModalClassifier(nn.Module):
    """Classify clips from whichever of their modalities exist.

    Nothing in it is random but dropout, and nothing but dropout and BatchNorm depends on `self.training`: which
    modalities are dropped is decided outside and arrives as `visible`.

    Args:
        modalities: The modalities in order.
        classes: Class names in order of the logits.
        config: Architecture.

    Raises:
        ValueError: If there are no classes, a class is named twice, or the config names a modality that is not there.
    """

    def __init__(self, *, modalities: ModalitySet, classes: Sequence[str], config: ClassifierConfig) -> None:
        super().__init__()
        if not classes or len(set(classes)) < len(classes):
            raise ValueError(f"{len(classes)} classes were given, {len(set(classes))} different: name each class once")
        config.check_names(modalities.names)
        self.modalities = modalities
        self.classes = tuple(classes)
        self.config = config
        self.encoders = nn.ModuleList(build_modality_encoder(spec, config) for spec in modalities)
        self.action_mae = _build_action_mae(len(modalities), config) if config.action_mae else None
        self.fusion = _build_fusion(len(modalities), len(self.classes), config)
        self.token_heads = (
            nn.ModuleList(nn.Linear(config.embed_dim, len(self.classes)) for _ in modalities)
            if config.token_heads
            else None
        )

    def forward(self, batch: ClipBatch, visible: Bool[Tensor, "B M"] | None = None) -> ClassifierOutput:
        """Encode what exists, fill what is not visible, classify.

        Args:
            batch: Clips after the device transform (float).
            visible: What ActionMAE (or, without it, the fusion) may see; a subset of `batch.available`. None = all.

        Raises:
            ValueError: If a row has no visible modality.
        """
        visible = batch.available if visible is None else visible & batch.available
        check_visible(visible)
        tokens = self.encode(batch)
        filled_tokens, filled, reconstructed = self._complete(tokens, visible)
        logits = self.classify(filled_tokens, filled)
        return ClassifierOutput(logits=logits, tokens=tokens, reconstructed=reconstructed, visible=visible)

    def encode(self, batch: ClipBatch) -> Float[Tensor, "B M C"]:
        """Tokens z^m of the modalities that exist; zero elsewhere. What does not exist is not computed."""
        columns = [self._encode_modality(batch, slot, spec) for slot, spec in enumerate(self.modalities)]
        return torch.stack(columns, dim=1)

    def reconstruct(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"]]:
        """Fill what is not visible. Returns tokens and which slots hold something: all with ActionMAE, else visible."""
        filled_tokens, filled, _ = self._complete(tokens, visible)
        return filled_tokens, filled

    def classify(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B num_classes"]:
        """Fusion and prediction from the filled slots."""
        logits: Tensor = self.fusion(tokens, filled)
        return logits

    def classify_tokens(
        self, tokens: Float[Tensor, "B M C"], available: Bool[Tensor, "B M"]
    ) -> Float[Tensor, "B M num_classes"]:
        """Logits of each modality's own head; 0 where it does not exist.

        Raises:
            ValueError: If the model was built without `token_heads`.
        """
        if self.token_heads is None:
            raise ValueError("this model has no token heads: build it with token_heads=True")
        return logits_by_slot(self.token_heads, tokens, available)

    def _complete(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"], Float[Tensor, "B M C"] | None]:
        if self.action_mae is None:
            return torch.where(visible[:, :, None], tokens, 0.0), visible, None
        out = self.action_mae(tokens, visible)
        chosen = out.reconstructed if self.config.fusion_input == "reconstructed" else out.tokens
        return chosen, torch.ones_like(visible), out.reconstructed

    def _encode_modality(self, batch: ClipBatch, slot: int, spec: ModalitySpec) -> Float[Tensor, "B C"]:
        empty = torch.zeros(len(batch), self.config.embed_dim, device=batch.available.device)
        rows = batch.available[:, slot].nonzero().flatten()
        if spec.name not in batch.clips or len(rows) == 0:
            return empty
        masks = {"frame_available": batch.frame_available.get(spec.name)}
        if spec.kind == "joints":
            masks["person_available"] = batch.person_available.get(spec.name)
        clip = batch.clips[spec.name]
        if len(rows) == len(batch):
            token: Tensor = self.encoders[slot](clip, **masks)
            return token.float()
        masks = {name: None if mask is None else mask[rows] for name, mask in masks.items()}
        token = self.encoders[slot](clip[rows], **masks)
        return empty.index_copy(0, rows, token.float())


def _build_action_mae(num_modalities: int, config: ClassifierConfig) -> ActionMAE:
    options = config.transformer_options()
    return ActionMAE(
        num_modalities,
        options.pop("dim"),
        depth=config.mae_depth,
        num_memory_tokens=config.num_memory_tokens,
        **options | {"positions": config.mae_position_mode},
    )


def _build_fusion(num_modalities: int, num_classes: int, config: ClassifierConfig) -> nn.Module:
    sizes: dict[str, Any] = {"num_modalities": num_modalities, "num_classes": num_classes}
    match config.fusion:
        case "sum":
            return SumFusion(dim=config.embed_dim, **sizes)
        case "concat":
            return ConcatFusion(dim=config.embed_dim, **sizes)
        case "transformer":
            return TransformerFusion(depth=config.fusion_depth, **sizes, **config.transformer_options())


def build_classifier(
    modalities: ModalitySet | Iterable[str | ModalitySpec | Mapping[str, Any]],
    num_classes: int | None = None,
    *,
    classes: Sequence[str] | None = None,
    config: ClassifierConfig | None = None,
    **options: Any,
) -> MultiModalClassifier:
    """A classifier from names and switches.

    Args:
        modalities: Registered names, specs, or mappings that change a registered spec, in order.
        num_classes: How many classes, where they have no names.
        classes: Class names in order; instead of `num_classes`.
        config: Architecture; `options` change single fields of it.
        **options: Fields of `ClassifierConfig`, for example fusion="sum", action_mae=True, space_encoder="resnet18".

    Raises:
        ValueError: If neither or both of num_classes and classes are given, or an option is unknown or out of range.
        OSError: If pretrained weights were asked for and cannot be had.
    """
    if (num_classes is None) == (classes is None):
        raise ValueError("give either num_classes or classes")
    names = classes if classes is not None else [str(index) for index in range(num_classes or 0)]
    known = {field.name for field in dataclasses.fields(ClassifierConfig)}
    unknown = sorted(set(options) - known)
    if unknown:
        raise ValueError(f"unknown model option {unknown[0]!r}: known are {', '.join(sorted(known))}")
    config = dataclasses.replace(config or ClassifierConfig(), **options)
    modality_set = modalities if isinstance(modalities, ModalitySet) else ModalitySet(modalities)
    return MultiModalClassifier(modalities=modality_set, classes=names, config=config)

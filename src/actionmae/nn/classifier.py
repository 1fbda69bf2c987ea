"""The whole model (Fig. 3): `MultiModalClassifier` = encode → reconstruct → classify.

Legend: B batch, M modality, T frame, C embed_dim.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.choices import Dropped
from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClassifierOutput, ClipBatch, check_visible
from actionmae.nn import (  # noqa: F401  (they register themselves)
    bilinear_fusion,
    cascaded_autoencoder,
    prior_tokens,
    searched_fusion,
    stream_fusion,
)
from actionmae.nn.action_mae import ActionMAE
from actionmae.nn.architectures import SavedModel
from actionmae.nn.classifier_parts import classifier_parts
from actionmae.nn.completion import build_completion
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.fusion import logits_by_slot
from actionmae.nn.modality_encoder import ModalityEncoder, build_modality_encoders
from actionmae.nn.parts import Part
from actionmae.nn.registry import find_fusion


class MultiModalClassifier(SavedModel):
    """Classify clips from whichever of their modalities exist.

    Nothing in it is random or depends on `self.training` but dropout, BatchNorm and, of completion "prior_tokens", the
    noise on its tokens in training: which modalities are dropped is decided outside and arrives as `visible`.

    Args:
        modalities: The modalities in order.
        classes: Class names in order of the logits.
        encoders: One for each modality, in order.
        fusion: Tokens [B, M, C] and filled [B, M] → logits.
        action_mae: Rebuilds the tokens of what is not visible; None = fusion sees what is there.
        token_heads: One classifier per modality token, or None.
        completion: Fills missing tokens in place of ActionMAE: tokens [B, M, C] and visible [B, M] → estimates of all.
        config: What the modules were built from; a model without it cannot be saved.

    Raises:
        ValueError: If there are no classes, a class is named twice, or the encoders do not match the modalities.
    """

    architecture: ClassVar[str] = "multimodal"

    def __init__(
        self,
        *,
        modalities: ModalitySet,
        classes: Sequence[str],
        encoders: Sequence[ModalityEncoder],
        fusion: nn.Module,
        action_mae: ActionMAE | None = None,
        token_heads: Sequence[nn.Module] | None = None,
        completion: nn.Module | None = None,
        config: ClassifierConfig | None = None,
    ) -> None:
        super().__init__()
        self.modalities = modalities
        self.classes = check_classes(classes)
        self.config = config or ClassifierConfig()
        self._built = config is not None
        for what, parts in (("encoders", encoders), ("token_heads", token_heads)):
            if parts is not None and len(parts) != len(modalities):
                raise ValueError(f"{len(parts)} {what} were given for {len(modalities)} modalities: give one for each")
        self.encoders = nn.ModuleList(encoders)
        self.action_mae = action_mae
        self.completion = completion
        self.fusion = fusion
        self.token_heads = None if token_heads is None else nn.ModuleList(token_heads)

    def forward(
        self, batch: ClipBatch, visible: Bool[Tensor, "B M"] | None = None, *, dropped: Dropped = "encode"
    ) -> ClassifierOutput:
        """Encode what exists, fill what is not visible, classify.

        Args:
            batch: Clips after the device transform (float).
            visible: What ActionMAE (or, without it, the fusion) may see; a subset of `batch.available`. None = all.
            dropped: What becomes of a modality that no clip of the batch shows: its clips are encoded, encoded without
                gradient (they are only the target of Eq. 5), or skipped (their tokens are zero).

        Raises:
            ValueError: If a row has no visible modality, or a clip that should exist is not there.
        """
        visible = batch.available if visible is None else visible & batch.available
        check_visible(visible)
        hidden: Collection[int] = ()
        if dropped != "encode":
            hidden = [slot for slot, seen in enumerate(visible.any(dim=0).tolist()) if not seen]
        tokens = self.encode(batch, **{"detached" if dropped == "detach" else "skipped": hidden})
        filled_tokens, filled, reconstructed = self._complete(tokens, visible)
        logits = self.classify(filled_tokens, filled)
        return ClassifierOutput(logits=logits, tokens=tokens, reconstructed=reconstructed, visible=visible)

    def encode(
        self, batch: ClipBatch, *, detached: Collection[int] = (), skipped: Collection[int] = ()
    ) -> Float[Tensor, "B M C"]:
        """Tokens z^m of the modalities that exist; zero elsewhere. What does not exist is not computed.

        Args:
            batch: Clips after the device transform (float).
            detached: Slots that are encoded without gradient.
            skipped: Slots that are not encoded.
        """
        columns = []
        for slot in range(len(self.modalities)):
            if slot in skipped:
                columns.append(torch.zeros(len(batch), self.config.embed_dim, device=batch.available.device))
                continue
            with torch.set_grad_enabled(torch.is_grad_enabled() and slot not in detached):
                columns.append(self._encode_time(batch, slot, self._encode_frames(batch, slot)))
        return torch.stack(columns, dim=1)

    def encode_frames(self, batch: ClipBatch) -> dict[str, Float[Tensor, "R T C"]]:
        """Eq. 1: frame features by modality, of the clips that have it in the batch's order.

        They may be kept: `encode_time` makes the tokens of them. A whole-clip encoder (R(2+1)D) gives one feature for
        all frames, [R, 1, C].
        """
        found = ((spec.name, self._encode_frames(batch, slot)) for slot, spec in enumerate(self.modalities))
        return {name: features for name, features in found if features is not None}

    def encode_time(self, features: Mapping[str, Tensor], batch: ClipBatch) -> Float[Tensor, "B M C"]:
        """Eq. 2–4: tokens from what `encode_frames` gave for this batch (its masks are read, its clips are not)."""
        columns = [self._encode_time(batch, slot, features.get(spec.name)) for slot, spec in enumerate(self.modalities)]
        return torch.stack(columns, dim=1)

    def reconstruct(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"]]:
        """Fill what is not visible. Returns tokens and which slots hold something: all with ActionMAE, else visible.

        Raises:
            ValueError: If a row has no visible modality.
        """
        if not torch.compiler.is_compiling():
            check_visible(visible)
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

    def clip_encoder(self, slot: int) -> ModalityEncoder:
        """The encoder of one modality."""
        return cast("ModalityEncoder", self.encoders[slot])

    def parts(self) -> list[Part]:
        """What can move into another model, see `transfer`."""
        keys = self.state_dict().keys()
        parts = classifier_parts(self.modalities, self.classes, self.config, self.fusion)
        return [part for part in parts if any(key.startswith(part.prefix) for key in keys)]

    def to_config(self) -> dict[str, Any]:
        """JSON-ready architecture for the model folder.

        Raises:
            ValueError: If the model was put together from modules by hand.
        """
        if not self._built:
            raise ValueError(
                "a model that was put together from modules cannot be saved: register the encoder or fusion "
                "(actionmae.nn.registry) and build the model with build_classifier"
            )
        return self.config.to_dict()

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, modalities: ModalitySet, classes: Sequence[str]
    ) -> "MultiModalClassifier":
        """The untrained model that `to_config` describes."""
        return assemble(modalities, classes, ClassifierConfig.from_dict(config))

    def _complete(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"], Float[Tensor, "B M C"] | None]:
        if self.action_mae is None and self.completion is None:
            return torch.where(visible[:, :, None], tokens, 0.0), visible, None
        how = self.config.fusion_input
        depends = torch.is_grad_enabled() or not torch.compiler.is_compiling()  # a graph may not depend on numbers
        if how != "reconstructed" and depends and bool(visible.all()):
            # K = 0: nothing is rebuilt. With gradients of 0 what rebuilds would decay and drift under AdamW.
            return tokens, visible, None
        reconstructed = self._estimate(tokens, visible)
        filled_tokens = torch.where(visible[:, :, None], tokens, reconstructed)
        everywhere = torch.ones_like(visible)
        if how == "filled":
            return filled_tokens, everywhere, reconstructed
        if how == "reconstructed":
            return reconstructed, everywhere, reconstructed
        none_missing = visible.all(dim=1, keepdim=True)
        return filled_tokens, torch.where(none_missing, visible, ~visible), reconstructed

    def _estimate(self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]) -> Float[Tensor, "B M C"]:
        """Every slot's token from the visible ones."""
        if self.action_mae is not None:
            return cast("Tensor", self.action_mae(tokens, visible).reconstructed)
        assert self.completion is not None
        return cast("Tensor", self.completion(tokens, visible))

    def _rows(self, batch: ClipBatch, slot: int) -> Tensor | None:
        """Which rows have a modality, or None if none has."""
        name = self.modalities[slot].name
        rows = batch.available[:, slot].nonzero().flatten()
        if len(rows) == 0:
            return None
        batch.clip_of(name)
        return rows

    def _encode_frames(self, batch: ClipBatch, slot: int) -> Float[Tensor, "R T C"] | None:
        rows, spec = self._rows(batch, slot), self.modalities[slot]
        if rows is None:
            return None
        masks = {"frame_available": batch.frame_available.get(spec.name)}
        if spec.kind == "joints":
            masks["person_available"] = batch.person_available.get(spec.name)
        clip = batch.clips[spec.name]
        if len(rows) < len(batch):
            clip = clip[rows]
            masks = {name: None if mask is None else mask[rows] for name, mask in masks.items()}
        features: Tensor = cast("ModalityEncoder", self.encoders[slot]).encode_frames(clip, **masks)
        return features

    def _encode_time(self, batch: ClipBatch, slot: int, features: Tensor | None) -> Float[Tensor, "B C"]:
        rows, name = self._rows(batch, slot), self.modalities[slot].name
        empty = torch.zeros(len(batch), self.config.embed_dim, device=batch.available.device)
        if rows is None or features is None:
            return empty
        mask = batch.frame_available.get(name)
        mask = mask if mask is None or len(rows) == len(batch) else mask[rows]
        token = cast("ModalityEncoder", self.encoders[slot]).encode_time(features, frame_available=mask).float()
        return token if len(rows) == len(batch) else empty.index_copy(0, rows, token)


def check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Class names as a tuple.

    Raises:
        ValueError: If they are no list, there are none, one is no text, or one is named twice.
    """
    if isinstance(classes, str):
        raise ValueError(f"classes is the text {classes!r}: give a list of names, for example [{classes!r}]")
    names = list(classes)
    wrong = [name for name in names if not isinstance(name, str) or not name.strip()]
    if wrong:
        raise ValueError(f"class name {wrong[0]!r} is no text: give each class a name")
    if not names:
        raise ValueError("no class was given: name at least one")
    again = [name for at, name in enumerate(names) if name in names[:at]]
    if again:
        raise ValueError(f"class {again[0]!r} is given more than once: name each class once")
    return tuple(names)


def assemble(modalities: ModalitySet, classes: Sequence[str], config: ClassifierConfig) -> MultiModalClassifier:
    """The model that a configuration describes, with fresh (or pretrained) weights.

    Raises:
        ValueError: If the configuration does not fit the modalities, or the classes are not different names.
        OSError: If pretrained weights were asked for and cannot be had.
    """
    config.check_names(modalities.names)
    size, num_classes = len(modalities), len(check_classes(classes))
    return MultiModalClassifier(
        modalities=modalities,
        classes=classes,
        encoders=build_modality_encoders(modalities, config),
        action_mae=_build_action_mae(size, config) if config.action_mae else None,
        fusion=find_fusion(config.fusion)(size, num_classes, config),
        token_heads=[nn.Linear(config.embed_dim, num_classes) for _ in modalities] if config.token_heads else None,
        completion=build_completion(size, config),
        config=config,
    )


def _build_action_mae(num_modalities: int, config: ClassifierConfig) -> ActionMAE:
    return ActionMAE(
        num_modalities,
        config.embed_dim,
        depth=config.mae_depth,
        num_heads=config.num_heads,
        num_memory_tokens=config.num_memory_tokens,
        mlp_dim=config.mlp_dim,
        dropout=config.dropout,
        positions=config.mae_position_mode,
        final_norm=config.final_norm,
    )

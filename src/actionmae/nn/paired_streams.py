"""Networks that learn from two modalities in order to do without one: beside the streams of both, one that imagines.

The hallucination stream reads the modality that is kept and gives the features of the one that is lost (Hoffman,
Gupta, Darrell, CVPR 2016). How it learns to is the method's matter (methods/hallucination.py and others); what is
computed from which clip is here. A subset is served by the streams that it feeds, whose logits are averaged:

    kept           kept stream and hallucination stream
    lost           lost stream
    kept and lost  kept stream and lost stream

Legend: B clips, M modality (2), T frame, C embed_dim, K classes, W width of a token.
R clips that have a modality, D C for each stream that reads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet, ModalitySpec
from actionmae.core.tensors import ClipBatch
from actionmae.nn.architectures import SavedModel
from actionmae.nn.classifier import check_classes
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.modality_encoder import (
    ModalityEncoder,
    build_modality_encoder,
    encoder_parts,
    token_head_part,
)
from actionmae.nn.parts import Part
from actionmae.nn.stream import Frames, Stream, masks_of


class PairedStreams(SavedModel):
    """Three streams: of the kept modality, of the lost one, and of the lost one as imagined from the kept one.

    A slot's token holds frame features, because `connected` streams meet before the time transformer: [T_kept + T_lost
    frames, each C features and whether it exists], of the kept slot its own and the imagined ones, of the lost slot
    zeros and its own.

    Args:
        modalities: Two, in slot order.
        classes: Names in the order of the logits.
        kept: Slot of the kept modality.
        connected: The lost (or imagined) features act on the kept stream; see `connect`.
        config: Encoders and sizes; what is said of fusion and ActionMAE is not read, and no time encoder is shared.

    Raises:
        ValueError: If there are not two modalities, or only one of their encoders reads whole clips.
    """

    architecture: ClassVar[str] = "paired_streams"

    def __init__(
        self, *, modalities: ModalitySet, classes: Sequence[str], kept: int, connected: bool, config: ClassifierConfig
    ) -> None:
        super().__init__()
        if len(modalities) != 2:
            raise ValueError(
                f"a pair of one modality that is kept and one that is lost was expected, not {len(modalities)} "
                f"({', '.join(modalities.names)}): name exactly two modalities"
            )
        config.check_names(modalities.names)
        if config.time_encoder == "shared_motion":  # what imagines another stream differs from it in this very part
            config = replace(config, time_encoder="motion")
        self.modalities, self.classes, self.config = modalities, check_classes(classes), config
        self.kept, self.lost = kept, 1 - kept
        own, other = (build_modality_encoder(modalities[slot], config) for slot in (self.kept, self.lost))
        if (own.time is None) != (other.time is None):
            whole, frames = (self.kept, self.lost) if own.time is None else (self.lost, self.kept)
            raise ValueError(
                f"the encoder of {modalities[whole].name} reads whole clips, that of {modalities[frames].name} single "
                "frames: one cannot imagine the other's features, choose two encoders of the same kind"
            )
        imagine = ModalityEncoder(
            space=build_modality_encoder(modalities[self.kept], config).space,
            time=build_modality_encoder(modalities[self.lost], config).time,
        )
        sizes = {"embed_dim": config.embed_dim, "num_classes": len(self.classes)}
        self.kept_stream, self.lost_stream = Stream(encoder=own, **sizes), Stream(encoder=other, **sizes)
        self.hallucination = Stream(encoder=imagine, **sizes)
        self.connection = nn.Linear(config.embed_dim, config.embed_dim, bias=False) if connected else None
        if self.connection is not None:
            nn.init.zeros_(self.connection.weight)

    @property
    def kept_spec(self) -> ModalitySpec:
        """The modality that is kept."""
        return self.modalities[self.kept]

    @property
    def lost_spec(self) -> ModalitySpec:
        """The modality that may be lost."""
        return self.modalities[self.lost]

    def kept_frames(self, batch: ClipBatch) -> Frames:
        """Frame features of the kept modality; [B, T_kept, C]."""
        return self.kept_stream.frames(
            batch, self.kept_spec.name, batch.available[:, self.kept], self.length(self.kept)
        )

    def lost_frames(self, batch: ClipBatch) -> Frames:
        """Frame features of the lost modality; [B, T_lost, C]."""
        return self.lost_stream.frames(
            batch, self.lost_spec.name, batch.available[:, self.lost], self.length(self.lost)
        )

    def imagined_frames(self, batch: ClipBatch) -> Frames:
        """Frame features of the lost modality as imagined from the kept one; [B, T_lost, C]."""
        length, available = self.length(self.kept), batch.available[:, self.kept]
        found = self.hallucination.frames(batch, self.kept_spec.name, available, length)
        return found.resampled(self.length(self.lost))

    def connect(self, kept: Frames, other: Frames) -> Frames:
        """x_kept + W (x_kept ⊙ x_other), the other's frames at the moments of the kept ones; unchanged without W.

        The multiplicative connection of Garcia et al. 2018 (after Feichtenhofer, Pinz, Wildes, CVPR 2017) adds the
        product inside each residual block of the kept stream's network, past its skip connection. Here both streams
        meet once, where the networks' frame features enter the time transformer. W is 0 at first, so that the stream
        begins as it was trained alone; where the other's frame does not exist nothing is added.
        """
        if self.connection is None:
            return kept
        product = kept.features * other.resampled(kept.features.shape[1]).features
        return Frames(features=kept.features + self.connection(product), there=kept.there)

    def encode(self, batch: ClipBatch) -> Float[Tensor, "B M W"]:
        """Frame features of what exists, see the class; zero elsewhere."""
        columns = [self._encode(batch, slot) for slot in (0, 1)]
        return torch.stack(columns, dim=1)

    def classify(self, tokens: Float[Tensor, "B M W"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B K"]:
        """The mean of the logits of the streams that the filled slots feed."""
        tokens = torch.where(filled[:, :, None], tokens, 0.0)
        split = self.length(self.kept) * (self.config.embed_dim + 1)
        own = Frames.unpacked(tokens[:, self.kept, :split], self.length(self.kept))
        imagined, real = (
            Frames.unpacked(tokens[:, slot, split:], self.length(self.lost)) for slot in (self.kept, self.lost)
        )
        has_kept, has_lost = filled[:, self.kept], filled[:, self.lost]
        other = torch.where(has_lost[:, None], self.lost_stream(real), self.hallucination(imagined))
        kept = self.kept_stream(self.connect(own, real.where(has_lost, imagined)))
        return torch.where(has_kept[:, None], (kept + other) / 2, other)

    def clip_encoder(self, slot: int) -> "SlotEncoder":
        """What makes a slot's token."""
        return SlotEncoder(self, slot)

    def length(self, slot: int) -> int:
        """T of a modality's features: 1 of an encoder of whole clips."""
        return 1 if self.kept_stream.encoder.time is None else self.modalities[slot].num_frames

    def parts(self) -> list[Part]:
        """Encoders and classifiers of both modalities; what imagines, and what connects, is of use to no other kind."""
        found = []
        for word, spec in (("kept_stream", self.kept_spec), ("lost_stream", self.lost_spec)):
            found += encoder_parts(spec, self.config, f"{word}.encoder.")
            found.append(token_head_part(spec, self.config, self.classes, f"{word}.head."))
        return [part for part in found if any(key.startswith(part.prefix) for key in self.state_dict())]

    def to_config(self) -> dict[str, Any]:
        """JSON-ready: what `from_config` needs."""
        return {"kept": self.kept, "connected": self.connection is not None, "model": self.config.to_dict()}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, modalities: ModalitySet, classes: Sequence[str]
    ) -> "PairedStreams":
        """The model that `to_config` describes, with fresh weights."""
        model = ClassifierConfig.from_dict(config["model"])
        return cls(
            modalities=modalities, classes=classes, kept=config["kept"], connected=config["connected"], config=model
        )

    def _encode(self, batch: ClipBatch, slot: int) -> Float[Tensor, "B W"]:
        width = sum(self.length(each) for each in (0, 1)) * (self.config.embed_dim + 1)
        empty = torch.zeros(len(batch), width, device=batch.available.device)
        rows, name = batch.available[:, slot].nonzero().flatten(), self.modalities.names[slot]
        if len(rows) == 0:
            return empty
        token: Tensor = self.clip_encoder(slot)(batch.clip_of(name)[rows], **masks_of(batch, name, rows))
        return empty.index_copy(0, rows, token)


class SlotEncoder(nn.Module):
    """Clips of one modality → the token of its slot in `PairedStreams`.

    Args:
        model: Whose.
        slot: Of the modality.
    """

    def __init__(self, model: PairedStreams, slot: int) -> None:
        super().__init__()
        streams = [model.kept_stream, model.hallucination] if slot == model.kept else [model.lost_stream]
        self.streams = nn.ModuleList(streams)
        self.lengths = (model.length(model.kept), model.length(model.lost))

    @property
    def streamable(self) -> bool:
        """See `ModalityEncoder.streamable`."""
        return all(bool(each.encoder.streamable) for each in self._each())

    def encode_frames(self, clip: Tensor, **masks: Tensor | None) -> Float[Tensor, "R frames D"]:
        """Features of each frame, of all streams that read the clip."""
        return torch.cat([each.encode_frames(clip, **masks).features for each in self._each()], dim=2)

    def encode_time(
        self, features: Float[Tensor, "R frames D"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R W"]:
        """The token of each clip from its frame features."""
        streams, (kept, lost) = self._each(), self.lengths
        there = streams[0].present(features, frame_available)
        found = [Frames(features=each, there=there) for each in features.chunk(len(streams), dim=2)]
        if len(found) == 1:
            vector = found[0].padded(lost).packed()
            before = vector.new_zeros(vector.shape[0], kept * vector.shape[1] // lost)
            return torch.cat([before, vector], dim=1)
        own, imagined = (each.padded(kept) for each in found)
        return torch.cat([own.packed(), imagined.resampled(lost).packed()], dim=1)

    def forward(self, clip: Tensor, **masks: Tensor | None) -> Float[Tensor, "R W"]:
        """Token of each clip."""
        return self.encode_time(self.encode_frames(clip, **masks), frame_available=masks.get("frame_available"))

    def _each(self) -> list[Stream]:
        return list(self.streams)  # type: ignore[arg-type]  # a list of modules has no narrower type

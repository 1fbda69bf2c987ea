"""From recordings to class names, with whichever sensors exist.

Reading, frame choice and preprocessing are those of a test clip: a prediction here is the one that evaluation counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from actionmae.core.devices import pick_device
from actionmae.core.subsets import format_subset
from actionmae.data.loading.collate import ClipSample, collate
from actionmae.data.reading.readers import FrameReader
from actionmae.data.transforms.transform import transform
from actionmae.inference.health import find_broken, require_ranges
from actionmae.inference.prediction import Failure, Prediction
from actionmae.inference.read_clip import Broken, Source, open_recordings, read_readable, without
from actionmae.inference.votes import cast_votes
from actionmae.inference.windows import Window, slide
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model

Read = tuple[ClipSample, Broken]


class Predictor:
    """A trained model, ready for single clips.

    Args:
        model: In eval mode, on the device where it is to run.
        min_confidence: Below this probability an answer is not `sure`.
        health: Treat recordings that are recognisably broken as missing.

    Raises:
        ValueError: If min_confidence is no probability, or the model does not know what healthy recordings look like.
    """

    def __init__(self, model: SavedModel, *, min_confidence: float = 0.0, health: bool = False) -> None:
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence is {min_confidence}: give a probability, 0–1")
        self.model = model.eval()
        self.min_confidence = min_confidence
        self._healthy = require_ranges(model.calibration) if health else {}

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: torch.device | str = "cpu",
        min_confidence: float = 0.0,
        health: bool = False,
    ) -> "Predictor":
        """Read a model folder.

        Args:
            folder: The model folder.
            device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
            min_confidence: Below this probability an answer is not `sure`.
            health: Treat recordings that are recognisably broken as missing.

        Raises:
            FileNotFoundError: If it is no model folder.
            ValueError: If it is damaged or newer than this code, or this machine has no such device.
        """
        model = load_model(folder, device=pick_device(str(device)))
        return cls(model, min_confidence=min_confidence, health=health)

    def predict(self, /, *, top: int = 5, **files: Source) -> Prediction:
        """Classify one clip. A recording that cannot be read counts as missing if others are left.

        Args:
            top: How many classes to return.
            **files: Path or array by modality; any non-empty subset of the model's. (A modality of the name top needs
                `predict_many`.)

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If nothing is given, a modality is unknown, no recording can be read, the model does not predict
                from these modalities, or top is out of range.
        """
        return self.predict_many([files], top=top)[0]

    def predict_many(
        self, clips: Sequence[Mapping[str, Source]], *, top: int = 5, why: bool = False
    ) -> list[Prediction]:
        """Classify several clips in one batch; each may have other modalities. See `predict`.

        Args:
            clips: Path or array by modality, for each clip.
            top: How many classes to return.
            why: Also say what each sensor contributes.
        """
        read = [self._read(f"clip {at}", clip, all_exist=True) for at, clip in enumerate(clips)]
        return self._answer(read, top=top, why=why)

    def predict_each(
        self,
        clips: Iterable[tuple[str, Mapping[str, Source]]],
        *,
        top: int = 5,
        why: bool = False,
        batch_size: int = 32,
    ) -> Iterator[Prediction | Failure]:
        """Classify any number of clips, in their order, a batch at a time; a clip that cannot be used is a `Failure`.

        Args:
            clips: Name, and path or array by modality.
            top: How many classes to return.
            why: Also say what each sensor contributes.
            batch_size: Clips in memory at once.

        Raises:
            ValueError: If top or batch_size is out of range.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}: give at least 1")
        left = iter(clips)
        while read := [self._try_to_read(name, files) for name, files in islice(left, batch_size)]:
            answers = iter(self._answer([each for each in read if not isinstance(each, Failure)], top=top, why=why))
            for each in read:
                yield each if isinstance(each, Failure) else next(answers)

    def predict_windows(
        self, files: Mapping[str, Source], *, window: float, stride: float, batch_size: int = 32
    ) -> list[tuple[Window, Prediction]]:
        """Slide over one long recording; windows from which nothing can be predicted are left out.

        Args:
            files: Path or array by modality.
            window: Seconds of each.
            stride: Seconds from one to the next.
            batch_size: Windows in memory at once.

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: As `predict`; and if no sensor knows its frames per second, or a number is not above 0.
        """
        readers, unopened = open_recordings("the recording", files, self.model.modalities, all_exist=True)
        left = slide(readers, window=window, stride=stride)
        found: list[tuple[Window, Prediction]] = []
        failed: list[str] = []
        while group := list(islice(left, batch_size)):
            read = [(each, self._try_sample(each, unopened)) for each in group]
            usable = [(each, sample) for each, sample in read if not isinstance(sample, Failure)]
            answers = self._answer([sample for _, sample in usable], top=1, why=False)
            found += zip((each for each, _ in usable), answers, strict=True)
            failed += [sample.reason for _, sample in read if isinstance(sample, Failure)]
        if not found:
            raise ValueError(failed[0])
        return found

    def embed(self, /, **files: Source) -> dict[str, Float32[np.ndarray, " C"]]:
        """The clip's tokens by modality: as encoded where the modality was given, reconstructed where it was not.

        Without ActionMAE only the given modalities are returned. See `predict` for what may be given.
        """
        sample, _ = self._read("clip", files)
        with torch.inference_mode():
            tokens, available = self._encode([sample])
            tokens, filled = self.model.reconstruct(tokens, available)
        return {
            name: tokens[0, slot].float().cpu().numpy()
            for slot, name in enumerate(self.model.modalities.names)
            if bool(filled[0, slot])
        }

    def _try_to_read(self, name: str, files: Mapping[str, Source]) -> Read | Failure:
        try:
            return self._read(name, files)
        except (ValueError, OSError) as error:
            return Failure(reason=str(error))

    def _try_sample(self, window: Window, unopened: Broken) -> Read | Failure:
        try:
            return self._sample(f"{window.start:.2f} s", window.readers, unopened)
        except (ValueError, OSError) as error:
            return Failure(reason=str(error))

    def _read(self, name: str, files: Mapping[str, Source], *, all_exist: bool = False) -> Read:
        readers, unopened = open_recordings(name, files, self.model.modalities, all_exist=all_exist)
        return self._sample(name, readers, unopened)

    def _sample(self, name: str, readers: Mapping[str, FrameReader], unopened: Broken) -> Read:
        """What can be used of the readers, and why the rest cannot."""
        sample, unread = read_readable(name, readers, self.model.modalities)
        ill = find_broken(sample, self._healthy)
        if len(ill) == len(sample.clips):
            raise ValueError(f"no recording of {name} looks healthy: {next(iter(ill.items()))[1]}")
        sample = without(sample, ill)
        self._require_supported(sample)
        return sample, unopened | unread | ill

    def _require_supported(self, sample: ClipSample) -> None:
        supported, names = self.model.supported_subsets, self.model.modalities.names
        subset = tuple(slot for slot, name in enumerate(names) if name in sample.clips)
        if supported is not None and subset not in supported:
            given, *known = ("+".join(names[slot] for slot in each) for each in (subset, *supported))
            raise ValueError(
                f"{sample.sample} has {given}, from which this model does not predict: it was trained for "
                f"{', '.join(known)}"
            )

    def _encode(self, samples: Sequence[ClipSample]) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"]]:
        device = next(self.model.parameters()).device
        batch = transform(collate(samples).to(device), self.model.modalities)
        return self.model.encode(batch), batch.available

    @torch.inference_mode()
    def _answer(self, read: Sequence[Read], *, top: int, why: bool) -> list[Prediction]:
        if top < 1:
            raise ValueError(f"top is {top}: give at least 1")
        if not read:
            return []
        tokens, available = self._encode([sample for sample, _ in read])
        probabilities = self._probabilities(tokens, available)
        best, classes = probabilities.topk(min(top, len(self.model.classes)), dim=1)
        votes = cast_votes(self.model, self._probabilities, tokens, available) if why else [()] * len(read)
        names = self.model.modalities.names
        return [
            Prediction(
                classes=tuple(self.model.classes[index] for index in row_classes),
                probabilities=tuple(row_best),
                available=tuple(name for name in names if name in sample.clips),
                missing=tuple(name for name in names if name not in sample.clips and name not in broken),
                broken=broken,
                sure=row_best[0] >= self.min_confidence,
                votes=row_votes,
            )
            for row_classes, row_best, (sample, broken), row_votes in zip(
                classes.tolist(), best.tolist(), read, votes, strict=True
            )
        ]

    def _probabilities(self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]) -> Float[Tensor, "B K"]:
        logits = self.model.classify(*self.model.reconstruct(tokens, visible)).float().cpu()
        calibration = self.model.calibration
        if calibration is not None:
            subsets = [tuple(row.nonzero()[:, 0].tolist()) for row in visible.cpu()]
            names = (format_subset(subset, self.model.modalities) for subset in subsets)
            logits = logits / torch.tensor([calibration.temperature(name) for name in names])[:, None]
        return logits.softmax(dim=1)

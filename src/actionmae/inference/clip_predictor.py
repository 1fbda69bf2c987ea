"""From recordings to class names, with whichever sensors exist: what a model of any kind needs for it. No torch.

Reading, frame choice and preprocessing are those of a test clip: a prediction here is the one that evaluation counted.

Shapes: B clips, M modality, C token, K classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float32

from actionmae.data.reading.readers import FrameReader
from actionmae.inference.calibrated import Described, calibrated_probabilities, require_probability, to_prediction
from actionmae.inference.health import NOT_FINITE, find_broken, require_ranges
from actionmae.inference.prediction import Failure, Prediction
from actionmae.inference.read_clip import Broken, Source, open_recordings, read_readable
from actionmae.inference.read_stored import StoredSample
from actionmae.inference.votes import cast_votes
from actionmae.inference.windows import Window, slide

Model = TypeVar("Model", bound=Described)
Good = TypeVar("Good")
Read = tuple[StoredSample, Broken]
Tokens = Float32[np.ndarray, "B M C"]
Mask = Bool[np.ndarray, "B M"]


class ClipPredictor(ABC, Generic[Model]):
    """`Predictor` and `OnnxPredictor` but for the two steps in which the model runs.

    Args:
        model: Ready to run.
        min_confidence: Below this probability an answer is not `sure`.
        health: Treat recordings that are recognisably broken as missing.

    Raises:
        ValueError: If min_confidence is no probability, or the model does not know what healthy recordings look like.
    """

    def __init__(self, model: Model, *, min_confidence: float = 0.0, health: bool = False) -> None:
        require_probability(min_confidence)
        self.model = model
        self.min_confidence = min_confidence
        self._healthy = require_ranges(model.calibration) if health else {}

    @abstractmethod
    def encode(self, samples: Sequence[StoredSample]) -> Tokens:
        """Tokens; only what exists is encoded and read."""

    @abstractmethod
    def complete(self, tokens: Tokens, visible: Mask) -> tuple[Float[np.ndarray, "B K"], Tokens, Mask]:
        """Logits, tokens after reconstruction, and which of their slots are filled."""

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
        return [_good(each) for each in self._answer(read, top=top, why=why)]

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
        _require_count("batch_size", batch_size)
        left = iter(clips)
        while read := [_tried(self._read, name, files) for name, files in islice(left, batch_size)]:
            yield from self._answer(read, top=top, why=why)

    def predict_windows(
        self, files: Mapping[str, Source], *, window: float, stride: float, batch_size: int = 32
    ) -> list[tuple[Window, Prediction | Failure]]:
        """Slide over one long recording; a window from which nothing can be predicted is a `Failure`.

        Args:
            files: Path or array by modality.
            window: Seconds of each.
            stride: Seconds from one to the next.
            batch_size: Windows in memory at once.

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If no window can be used, no sensor knows its frames per second, or a number is not above 0.
        """
        _require_count("batch_size", batch_size)
        readers, unopened = open_recordings("the recording", files, self.model.modalities, all_exist=True)
        left = slide(readers, window=window, stride=stride)
        found: list[tuple[Window, Prediction | Failure]] = []
        while group := list(islice(left, batch_size)):
            read = [_tried(self._sample, f"{each.start:.2f} s", each.readers, unopened) for each in group]
            found += zip(group, self._answer(read, top=1, why=False), strict=True)
        if all(isinstance(answer, Failure) for _, answer in found):
            _good(found[0][1])
        return found

    def embed(self, /, **files: Source) -> dict[str, Float32[np.ndarray, " C"]]:
        """The clip's tokens by modality: as encoded where the modality was given, reconstructed where it was not.

        Without ActionMAE only the given modalities are returned. See `predict` for what may be given.
        """
        given, (read,) = self._encode([self._read("clip", files)])
        _, tokens, filled = self.complete(given, self.visible([_good(read)[0]]))
        names = self.model.modalities.names
        return {name: tokens[0, slot] for slot, name in enumerate(names) if filled[0, slot]}

    def _read(self, name: str, files: Mapping[str, Source], *, all_exist: bool = False) -> Read:
        readers, unopened = open_recordings(name, files, self.model.modalities, all_exist=all_exist)
        return self._sample(name, readers, unopened)

    def _sample(self, name: str, readers: Mapping[str, FrameReader], unopened: Broken) -> Read:
        """What can be used of the readers, and why the rest cannot."""
        sample, unread = read_readable(name, readers, self.model.modalities)
        return self._without((sample, unopened | unread), find_broken(sample, self._healthy))

    def _without(self, read: Read, ill: Broken) -> Read:
        """The clip without recordings that are broken, if others are left from which the model predicts."""
        sample, broken = read
        if len(ill) == len(sample.clips):
            raise ValueError(f"no recording of {sample.sample} looks healthy: {next(iter(ill.values()))}")
        left = sample.without(ill)
        self._require_supported(left)
        return left, broken | ill

    def _require_supported(self, sample: StoredSample) -> None:
        supported, names = self.model.supported_subsets, self.model.modalities.names
        subset = tuple(slot for slot, name in enumerate(names) if name in sample.clips)
        if supported is not None and subset not in supported:
            given, *known = ("+".join(names[slot] for slot in each) for each in (subset, *supported))
            raise ValueError(
                f"{sample.sample} has {given}, from which this model does not predict: it was trained for "
                f"{', '.join(known)}"
            )

    def visible(self, samples: Sequence[StoredSample]) -> Mask:
        """Which modalities the clips have."""
        return np.array([[name in sample.clips for name in self.model.modalities.names] for sample in samples])

    def _answer(self, read: Sequence[Read | Failure], *, top: int, why: bool) -> list[Prediction | Failure]:
        """What the model says of each clip; failures are handed on."""
        _require_count("top", top)
        given = [each for each in read if not isinstance(each, Failure)]
        return _filled(read, self._say(given, top=top, why=why) if given else [])

    def _say(self, read: Sequence[Read], *, top: int, why: bool) -> list[Prediction | Failure]:
        tokens, left = self._encode(read)
        good = [each for each in left if not isinstance(each, Failure)]
        if not good:
            return _filled(left, [])
        tokens = tokens[[not isinstance(each, Failure) for each in left]]
        visible = self.visible([sample for sample, _ in good])
        probabilities = self.probabilities(tokens, visible)
        votes = cast_votes(self.model, self.probabilities, tokens, visible) if why else [()] * len(good)
        return _filled(
            left,
            [
                to_prediction(
                    self.model,
                    probabilities[row],
                    visible[row],
                    top=top,
                    min_confidence=self.min_confidence,
                    broken=broken,
                    votes=votes[row],
                )
                if np.isfinite(probabilities[row]).all()
                else Failure(reason=f"no answer about {sample.sample} can be computed: {NOT_FINITE}")
                for row, (sample, broken) in enumerate(good)
            ],
        )

    def _encode(self, read: Sequence[Read]) -> tuple[Tokens, list[Read | Failure]]:
        """Tokens, and each clip without the recordings of which they are not finite, which are 0."""
        tokens = self.encode([sample for sample, _ in read])
        finite, names = np.isfinite(tokens).all(axis=2), self.model.modalities.names
        left = []
        for each, row in zip(read, finite.tolist(), strict=True):
            good = {name for name, slot in zip(names, row, strict=True) if slot}
            left.append(_tried(self._without, each, {name: NOT_FINITE for name in each[0].clips if name not in good}))
        return np.where(finite[:, :, None], tokens, np.float32(0)), left

    def probabilities(self, tokens: Tokens, visible: Mask) -> Float[np.ndarray, "B K"]:
        """Of the classes, calibrated if the model is."""
        logits, _, _ = self.complete(tokens, visible)
        return calibrated_probabilities(self.model, logits, visible)


def _tried(read: Callable[..., Read], *given: Any) -> Read | Failure:
    try:
        return read(*given)
    except (ValueError, OSError) as error:
        return Failure(reason=str(error))


def _filled(places: Sequence[object], answers: Sequence[Prediction | Failure]) -> list[Prediction | Failure]:
    """The failures among the places, and in the others the answers in their order."""
    left = iter(answers)
    return [each if isinstance(each, Failure) else next(left) for each in places]


def _good(each: Good | Failure) -> Good:
    if isinstance(each, Failure):
        raise ValueError(each.reason)
    return each


def _require_count(name: str, value: int) -> None:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}: give at least 1")

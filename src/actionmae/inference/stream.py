"""Live sensors → a class at any moment: frames are encoded once, when they arrive, and kept while the window slides.

A window is sampled as a recording is: the frames nearest to the centres of T equal parts. So the answer about the last
`window_seconds` is the one that a file of these seconds gets. No torch here.

Shapes: M modality, T frame, C token, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from actionmae.core.modality import ModalitySpec
from actionmae.data.loading.sampling import frame_indices, sample_positions, window_indices
from actionmae.data.reading.arrays import as_kind
from actionmae.inference.calibrated import calibrated_probabilities, require_probability, to_prediction
from actionmae.inference.health import NOT_FINITE, find_broken, require_ranges
from actionmae.inference.onnx_model import StoredClips
from actionmae.inference.read_stored import StoredSample, region_of, stored_clips
from actionmae.inference.stream_answer import SensorState, State, StreamAnswer
from actionmae.inference.stream_buffer import SensorBuffer, SensorClock
from actionmae.inference.stream_model import StreamModel, load_stream_model

_CAPACITY = 512
"""Frames of one sensor that are kept at most (samples of a signal: for each of them a window's length)."""


class StreamPredictor:
    """Classify the last seconds of whatever sensors are live. Not for several threads at once.

    Args:
        model: See `load`.
        window_seconds: How much of the past an answer is about; as long as the clips that the model was trained on.
        stale_after: A sensor whose last frame is older counts as missing, until it gives another; so does every part
            of the window that has no frame within this time. None = a quarter of the window.
        min_confidence: Below this probability an answer is not `sure`.
        health: Treat sensors that are recognisably broken as missing, as long as they are; judged by a full window.

    Raises:
        ValueError: If a number is out of range, or the model does not know what healthy recordings look like.
    """

    def __init__(
        self,
        model: StreamModel,
        *,
        window_seconds: float,
        stale_after: float | None = None,
        min_confidence: float = 0.0,
        health: bool = False,
    ) -> None:
        require_probability(min_confidence)
        stale_after = window_seconds / 4 if stale_after is None else stale_after
        for what, value in (("window_seconds", window_seconds), ("stale_after", stale_after)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{what} is {value}: give seconds above 0")
        self.model, self.min_confidence = model, min_confidence
        self._healthy = require_ranges(model.calibration) if health else {}
        self.window_seconds, self.stale_after = window_seconds, stale_after
        self._buffers = {
            spec.name: SensorBuffer(
                seconds=window_seconds + 2 * stale_after,
                capacity=_CAPACITY * (spec.shape[1] if spec.kind == "signal" else 1),
            )
            for spec in model.modalities
        }
        self._clocks = {name: SensorClock() for name in self._buffers}
        self._positions = {spec.name: sample_positions(spec.num_frames, spec.num_frames) for spec in model.modalities}

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        window_seconds: float,
        stale_after: float | None = None,
        min_confidence: float = 0.0,
        health: bool = False,
        device: str = "cpu",
        int8: bool = False,
    ) -> "StreamPredictor":
        """Read a model folder, or an export (which needs no torch).

        Args:
            folder: Of either kind.
            window_seconds: See the class.
            stale_after: See the class.
            min_confidence: See the class.
            health: See the class.
            device: For a model folder: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
            int8: For an export: use its 8-bit convolutions.
        """
        model = load_stream_model(Path(folder), device=device, int8=int8)
        return cls(
            model,
            window_seconds=window_seconds,
            stale_after=stale_after,
            min_confidence=min_confidence,
            health=health,
        )

    def push(self, modality: str, frame: ArrayLike, timestamp: float, *, arrived: float | None = None) -> bool:
        """Take a sensor's next frame, and encode it if it can be encoded alone.

        Frames may come late or out of order. What is older than everything that is kept, or has a stamp that is there
        already, is counted and left.

        Args:
            modality: Name.
            frame: Image [h, w] or [h, w, c] uint8 or uint16; joints [J, 3] or [P, J, 3], NaN = absent person; one
                sample [C] of a signal; features [C].
            timestamp: Seconds on the clock that `predict` is asked by.
            arrived: When the frame came, on that clock: the stamp is then one of the sensor's own clock, which is
                followed as it drifts.

        Returns:
            Whether it was kept.

        Raises:
            ValueError: If the modality is unknown, the frame does not fit it, or a time is not finite.
        """
        spec = self.model.modalities[self.model.modalities.index(modality)]
        stamp = self._clocks[modality].to_caller(timestamp, arrived)
        if not self._buffers[modality].accepts(stamp):
            return False
        stored = _stored(np.asarray(frame), spec)
        keeps = self.model.keeps_features(modality)
        kept = _Kept(
            features=self.model.encode_frame(modality, stored) if keeps else None,
            frame=stored if self._healthy or not keeps else None,
        )
        self._buffers[modality].add(stamp, kept)
        return True

    def predict(self, now: float, *, top: int = 5) -> StreamAnswer:
        """The answer about the window that ends at `now`.

        Args:
            now: Seconds, on the clock of the stamps.
            top: How many classes to return.

        Raises:
            ValueError: If top is below 1.
        """
        if top < 1:
            raise ValueError(f"top is {top}: give at least 1")
        states = {name: self._state(name, now) for name in self._buffers}
        names = self.model.modalities.names
        looks = {name: self._look(self.model.modalities[name], now) for name in names if states[name].state == "live"}
        seen = {name: look for name, look in looks.items() if look is not None}
        broken = self._broken(seen)
        found = {name: self._token(name, look) for name, look in seen.items() if name not in broken}
        broken |= {name: NOT_FINITE for name, token in found.items() if not np.isfinite(token).all()}
        states |= {name: replace(states[name], broken=reason) for name, reason in broken.items()}
        live = [name for name in seen if name not in broken]
        subset = tuple(names.index(name) for name in live)
        supported = self.model.supported_subsets
        if not live or (supported is not None and subset not in supported):
            return StreamAnswer(time=now, prediction=None, state="unsupported" if live else "no sensor", sensors=states)
        tokens = np.zeros((len(names), self.model.token_width), dtype=np.float32)
        for name in live:
            tokens[names.index(name)] = found[name]
        visible = np.array([name in live for name in names])
        probabilities = calibrated_probabilities(self.model, self.model.logits(tokens, visible)[None], visible[None])
        said = to_prediction(
            self.model, probabilities[0], visible, top=top, min_confidence=self.min_confidence, broken=broken
        )
        return StreamAnswer(time=now, prediction=said, state="ok", sensors=states)

    def _broken(self, looks: Mapping[str, "_Look"]) -> dict[str, str]:
        """Which of the live sensors look broken, and why; a window with gaps or repeated frames is not judged."""
        if not self._healthy:
            return {}
        full = {name: look.clip for name, look in looks.items() if look.full and look.clip is not None}
        return find_broken(StoredSample(sample="stream", modalities=self.model.modalities, clips=full), self._healthy)

    def _state(self, name: str, now: float) -> SensorState:
        buffer = self._buffers[name]
        buffer.drop_before(now - self.window_seconds - 2 * self.stale_after)
        seen = buffer.stamps
        past = seen[seen <= now + self.stale_after]
        state: State = "live" if len(past) and now - past[-1] <= self.stale_after else "stale"
        if not len(past):
            state = "silent"
        gaps = np.diff(seen)
        return SensorState(
            state=state,
            age=float(now - past[-1]) if len(past) else None,
            fps=float(1 / np.median(gaps)) if len(gaps) else None,
            late=buffer.late,
            duplicates=buffer.duplicates,
            out_of_order=buffer.out_of_order,
            restarts=buffer.restarts,
            drift=self._clocks[name].drift,
        )

    def _look(self, spec: ModalitySpec, now: float) -> "_Look | None":
        """What a live sensor shows in the window, or None if nobody is in its sight."""
        buffer = self._buffers[spec.name]
        stamps = buffer.stamps
        moments = now - self.window_seconds + self._positions[spec.name] * self.window_seconds
        places = (np.interp(moments, stamps, np.arange(len(stamps))) + 0.5) / len(stamps)
        nearest = frame_indices(places, len(stamps))
        # Where the grid is coarser than the limit, a live sensor still has its last frame.
        limit = max(self.stale_after, self.window_seconds / spec.num_frames)
        available = np.abs(stamps[nearest] - moments) <= limit
        full = bool(available.all()) and len(set(nearest.tolist())) == len(nearest)
        features, clip = None, None
        if self.model.keeps_features(spec.name):
            features = [each.features for each in buffer.items(nearest)]
            if not self._healthy:
                return _Look(available=available, full=full, features=features, clip=None)
        if spec.kind == "signal":
            windows = window_indices(places, len(stamps), spec.shape[1])
            samples = _frames(buffer.items(windows.ravel())).reshape(*windows.shape, -1)
            clip = stored_clips(np.ascontiguousarray(samples.swapaxes(1, 2), dtype=np.float32), spec)
        else:
            frames = _frames(buffer.items(nearest))
            if spec.kind == "joints" and np.isnan(frames).all():
                frames = _frames(buffer.items(np.arange(len(stamps))))
                seen = np.flatnonzero(~np.isnan(frames).all(axis=(1, 2, 3)) & (stamps >= now - self.window_seconds))
                if not len(seen):
                    return None
                frames = frames[seen[np.abs(seen[:, None] - nearest).argmin(axis=0)]]  # as a file is read
            clip = stored_clips(frames, spec)
        masked = replace(clip, frame_available=clip.frame_available & available)
        return _Look(available=available, full=full, features=features, clip=masked)

    def _token(self, name: str, look: "_Look") -> NDArray[np.float32]:
        if look.features is not None:
            return self.model.encode_features(name, look.features, look.available)
        assert look.clip is not None
        return self.model.encode_clip(name, look.clip)


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """One frame: its features if they can be kept; the frame itself if something will read it."""

    features: Any
    frame: NDArray[Any] | None


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One sensor's window: which of the T frames are near enough, and whether these are T different frames."""

    available: NDArray[np.bool_]
    full: bool
    features: list[Any] | None
    clip: StoredClips | None


def _frames(kept: list[_Kept]) -> NDArray[Any]:
    return np.stack([np.asarray(each.frame) for each in kept])


def _stored(frame: NDArray[Any], spec: ModalitySpec) -> NDArray[Any]:
    """One frame as the host stores it."""
    if spec.kind == "joints" and bool((np.isnan(frame) | (frame == 0)).all()):
        return np.full(spec.shape, np.nan, dtype=np.float32)  # nobody in sight is no error here
    stored: NDArray[Any] = as_kind(frame[None], spec, f"the {spec.name} frame")[0]
    return region_of(stored, spec) if spec.kind == "frames" else stored

"""What `actionmae export` wrote, run by ONNX Runtime. No torch.

Shapes: B batch, M modality, T frame, P person, C token, K classes. Masks are bool and True = present.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionmae.core.calibration import Calibration
from actionmae.core.json_files import read_json
from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset, format_subset

EXPORT_FORMAT = 1
"""Raised whenever older versions of this project could not read a new export."""

HEADS = "heads"
"""The graph that is no encoder; no modality is called so (`export` refuses it)."""

FRAME, TIME = "frame", "time"
"""The halves of an encoder that reads each frame alone; their parts are called "rgb frame" and "rgb time"."""


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """The content of an export's `config.json`.

    Attributes:
        export_format: 1.
        modalities: Specs in slot order.
        classes: Names in the order of the logits.
        token_width: C.
        supported_subsets: Slots of each subset that the model predicts for; None = all.
        graphs: File by part: each modality, the halves of encoders that read each frame alone, and heads.
        calibration: See `Calibration`; None = the model is not calibrated.
        int8: The same for the parts that also exist with 8-bit convolutions.
        int8_top1: By subset, top-1 in percent on test clips of the float graphs and of the 8-bit ones.
        sha256: Of every graph file.
        parity: By subset the largest difference of a probability between PyTorch and ONNX Runtime; "mixed" = a batch
            whose rows lack different modalities; "mixed, by frames" = the same through the halves of encoders.
        provenance: Facts about the training and the export.
    """

    export_format: int
    modalities: list[dict[str, Any]]
    classes: list[str]
    token_width: int
    supported_subsets: list[list[int]] | None
    graphs: dict[str, str]
    calibration: dict[str, Any] | None = None
    int8: dict[str, str] = field(default_factory=dict)
    int8_top1: dict[str, list[float]] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    parity: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StoredClips:
    """Clips of one modality as the host stores them: the input of its encoder's graph.

    Attributes:
        clip: [R, T, …]: frames [R, T, c, 1.2 H, 1.2 W] uint8 or uint16; joints, signal, features float32.
        frame_available: [R, T].
        person_available: [R, T, P], joints only.
    """

    clip: NDArray[Any]
    frame_available: NDArray[np.bool_]
    person_available: NDArray[np.bool_] | None = None

    def inputs(self) -> dict[str, NDArray[Any]]:
        """By the names of the graph's inputs."""
        found = {"clip": self.clip, "frame_available": self.frame_available}
        return found if self.person_available is None else found | {"person_available": self.person_available}


class OnnxModel:
    """The graphs of one export.

    Args:
        folder: What `actionmae export` wrote.
        int8: Use the encoders with 8-bit convolutions where they exist.
        threads: Of ONNX Runtime; 0 = its own choice.
        by_frames: Load an encoder's halves where it has them, in place of the whole.

    Raises:
        FileNotFoundError: If the folder or one of its files does not exist.
        ImportError: If ONNX Runtime is not installed.
        ValueError: If the format is unknown, a file was changed, or int8 is asked for and was not exported.
    """

    def __init__(self, folder: str | Path, *, int8: bool = False, threads: int = 0, by_frames: bool = False) -> None:
        self.folder = Path(folder)
        self.config = read_export(self.folder)
        if int8 and not self.config.int8:
            raise ValueError(f"{folder} has no 8-bit graphs: export it again with --int8 MANIFEST")
        self.modalities = ModalitySet.from_list(self.config.modalities)
        self.classes = tuple(self.config.classes)
        supported = self.config.supported_subsets
        self.supported_subsets = None if supported is None else tuple(tuple(subset) for subset in supported)
        calibration = self.config.calibration
        self.calibration = None if calibration is None else Calibration.from_dict(calibration)
        graphs = self.config.graphs | (self.config.int8 if int8 else {})
        halves = {f"{name} {half}" for name in self.modalities.names for half in (FRAME, TIME)} & graphs.keys()
        unused = {half.partition(" ")[0] for half in halves} if by_frames else halves
        self._sessions = {part: self._open(file, threads) for part, file in graphs.items() if part not in unused}

    def encode(self, name: str, clips: StoredClips) -> NDArray[np.float32]:
        """Tokens [R, C] of clips of one modality."""
        (token,) = self._sessions[name].run(["token"], clips.inputs())
        return np.asarray(token)

    def reads_frames_alone(self, name: str) -> bool:
        """Whether this modality's encoder is loaded as halves."""
        return f"{name} {FRAME}" in self._sessions

    def encode_frames(self, name: str, frames: NDArray[Any]) -> NDArray[np.float32]:
        """Features [R, C] of stored frames [R, …] of one modality."""
        (features,) = self._sessions[f"{name} {FRAME}"].run(None, {"frame": frames})
        return np.asarray(features)

    def encode_time(
        self, name: str, features: NDArray[np.float32], frame_available: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Tokens [R, C] of the features [R, T, C] of clips' frames."""
        inputs = {"features": features, "frame_available": frame_available}
        (token,) = self._sessions[f"{name} {TIME}"].run(None, inputs)
        return np.asarray(token)

    def complete(
        self, tokens: NDArray[np.float32], visible: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Logits [B, K], tokens [B, M, C] after reconstruction, and which of their slots are filled [B, M].

        Raises:
            ValueError: If a row has no visible modality, or one that the model does not predict from.
        """
        for row in visible:
            self._check_supported(tuple(np.flatnonzero(row).tolist()))
        logits, completed, filled = self._sessions[HEADS].run(None, {"tokens": tokens, "visible": visible})
        return np.asarray(logits), np.asarray(completed), np.asarray(filled)

    def _check_supported(self, subset: Subset) -> None:
        if not subset:
            raise ValueError("a clip has no visible modality: give at least one")
        if self.supported_subsets is not None and subset not in self.supported_subsets:
            known: Sequence[str] = [format_subset(each, self.modalities) for each in self.supported_subsets]
            raise ValueError(
                f"this model does not predict from {format_subset(subset, self.modalities)}: it does from "
                f"{', '.join(known)}"
            )

    def _open(self, file: str, threads: int) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(f"ONNX Runtime cannot be imported ({error}): pip install 'actionmae[export]'") from error
        path = self.folder / file
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.config.sha256.get(file):
            raise ValueError(f"{path} is not the file that config.json names (its SHA-256 differs): export again")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def is_export(folder: Path) -> bool:
    """Whether `actionmae export` wrote this folder."""
    return (folder / f"{HEADS}.onnx").is_file()


def read_export(folder: Path) -> ExportConfig:
    """The checked content of an export's `config.json`.

    Raises:
        FileNotFoundError: If the folder is no export, or a graph is missing.
        ValueError: If it is damaged, or its format is unknown.
    """
    path = folder / "config.json"
    if not path.is_file() or not is_export(folder):
        raise FileNotFoundError(f"{folder} is no exported model: give a folder that `actionmae export` wrote")
    config = read_json(path, ExportConfig, writer="export")
    if config.export_format != EXPORT_FORMAT:
        raise ValueError(
            f"{path} has export format {config.export_format}, this actionmae reads {EXPORT_FORMAT}: export again"
        )
    files: Mapping[str, str] = config.graphs | {f"{part} int8": file for part, file in config.int8.items()}
    for file in files.values():
        if Path(file).name != file or not (folder / file).is_file():
            raise FileNotFoundError(f"{folder} has no {file}: export it again")
    return config

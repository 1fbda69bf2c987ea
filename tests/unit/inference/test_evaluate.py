"""Scoring clips whose frames are lost: nothing of a lost frame reaches the model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.data.manifest import write_manifest
from actionmae.inference.config import EvaluationConfig
from actionmae.inference.evaluate import evaluate_model
from actionmae.nn.build import build_classifier
from actionmae.nn.checkpoint import save_model
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig
from helpers.rows import clip_row
from helpers.tiny_models import WIDTH

DEPTH = {"name": "depth", "shape": [1, 8, 8], "num_frames": 6, "value_range": None, "encoder": "grid_cnn"}
SKELETON = {"name": "skeleton", "shape": [1, 20, 3], "num_frames": 6, "mirror": None}


def _write_clip(folder: Path, *, last_half: float) -> Path:
    """Depth and a skeleton of 12 frames, of which those of the second half are scaled."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    scale = np.repeat([1.0, last_half], 6)
    depth = rng.uniform(900, 1500, (12, 12, 12)) * scale[:, None, None]
    np.save(folder / "depth.npy", depth.astype(np.uint16))
    np.save(folder / "skeleton.npy", rng.normal(size=(12, 20, 3)) * scale[:, None, None])
    files = {"depth": folder / "depth.npy", "skeleton": folder / "skeleton.npy"}
    row = clip_row(sample="clip", label="wave", split="test", files=files)
    other = clip_row(sample="other", label="clap", split="train", files=files)
    write_manifest(folder / "manifest.csv", [row, other], ["clap", "wave"])
    return folder / "manifest.csv"


def test_lost_frames_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a clip's own range of depth nor the place of a skeleton may be taken from a frame that is lost."""
    modalities = ModalitySet([DEPTH, SKELETON])
    save_model(
        build_classifier(modalities, classes=("clap", "wave"), config=ClassifierConfig(**WIDTH)), tmp_path / "model"
    )
    seen: list[dict[str, torch.Tensor]] = []

    def remember(model: MultiModalClassifier, batch: ClipBatch) -> torch.Tensor:
        kept = {name: batch.frame_available.get(name, torch.ones(1, 6, dtype=torch.bool)) for name in batch.clips}
        seen.append({name: clip[kept[name]] for name, clip in batch.clips.items()})
        return encode(model, batch)

    encode = MultiModalClassifier.encode
    monkeypatch.setattr(MultiModalClassifier, "encode", remember)
    for name, last_half in (("calm", 1.0), ("wild", 3.0)):
        manifest = _write_clip(tmp_path / name, last_half=last_half)
        evaluate_model(
            tmp_path / "model", manifest, EvaluationConfig(frame_loss=True, device="cpu"), out=tmp_path / "scores"
        )
    calm, wild = (seen[at : at + 11] for at in (0, 11))  # the score, five shares of single frames, five of spans
    half = 1 + 5 + 2
    assert len(calm[half]["depth"]) == 3
    for name in ("depth", "skeleton"):
        assert not torch.equal(calm[0][name], wild[0][name])
        assert torch.equal(calm[half][name], wild[half][name])


def test_a_frame_loss_of_no_clip_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    model = build_classifier(ModalitySet([DEPTH, SKELETON]), classes=("clap", "wave"), config=ClassifierConfig(**WIDTH))
    model.supported_subsets = ((0,),)
    save_model(model, tmp_path / "model")
    manifest = _write_clip(tmp_path / "clips", last_half=1.0)
    evaluate_model(tmp_path / "model", manifest, EvaluationConfig(device="cpu"), out=tmp_path / "scores")
    with pytest.raises(ValueError, match=r"clips as they are recorded, and this model predicts only from D, "):
        evaluate_model(
            tmp_path / "model", manifest, EvaluationConfig(frame_loss=True, device="cpu"), out=tmp_path / "others"
        )
    assert not (tmp_path / "others").exists()

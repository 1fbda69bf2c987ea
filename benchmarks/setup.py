"""Sizes, models and batches that the benchmarks share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from actionmae.core.tensors import ClipBatch
from actionmae.inference.export import export_model
from actionmae.nn import ClassifierConfig
from actionmae.nn.build import build_classifier
from actionmae.nn.checkpoint import save_model
from actionmae.nn.classifier import MultiModalClassifier

NAMES = ("rgb", "depth", "ir")
NUM_CLASSES = 60


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large everything is.

    Attributes:
        encoders: timm networks; the first serves where many passes are needed, the last is the paper's.
        embed_dim: C.
        mlp_dim: Feed-forward width of the transformers.
        frames: T.
        pixels: Height and width.
        clips: B of everything but the training step.
        light_clips: B where encoding costs next to nothing.
        step_frames: T of the training step, for which the paper's size is too large on two cores.
        step_pixels: Its height and width.
        matmul: Side of the square matrices that measure the machine.
        rounds: Repeats.
        loop_steps: Steps of one round of the training loop.
        replay_seconds: Of a stream that is replayed fast.
        live_seconds: Of one in real time.
        compile: Whether torch.compile is timed, too.
        small: Whether a stream of small images is timed, too.
    """

    encoders: tuple[str, ...] = ("resnet18", "resnet34")
    embed_dim: int = 512
    mlp_dim: int = 2048
    frames: int = 16
    pixels: int = 224
    clips: int = 1
    light_clips: int = 32
    step_frames: int = 8
    step_pixels: int = 112
    matmul: int = 4096
    rounds: int = 5
    loop_steps: int = 20
    replay_seconds: float = 600.0
    live_seconds: float = 10.0
    compile: bool = True
    small: bool = True


TINY = Sizes(
    encoders=("test_resnet",),
    embed_dim=32,
    mlp_dim=32,
    frames=2,
    pixels=32,
    clips=2,
    light_clips=2,
    step_frames=2,
    step_pixels=32,
    matmul=64,
    rounds=2,
    loop_steps=2,
    replay_seconds=1.0,
    live_seconds=0.3,
    compile=False,
    small=False,
)
"""A second or two in all: shows that the benchmarks run, and nothing about speed."""


def make_model(sizes: Sizes, encoder: str, *, device: str, step: bool = False) -> MultiModalClassifier:
    """ActionMAE with transformer fusion on R+D+I; random weights."""
    torch.manual_seed(0)
    frames, pixels = (sizes.step_frames, sizes.step_pixels) if step else (sizes.frames, sizes.pixels)
    model = build_classifier(
        [{"name": name, "num_frames": frames, "shape": [3, pixels, pixels]} for name in NAMES],
        NUM_CLASSES,
        config=ClassifierConfig(
            space_encoder=encoder,
            embed_dim=sizes.embed_dim,
            mlp_dim=sizes.mlp_dim,
            action_mae=True,
            normalization="imagenet",
        ),
    )
    return model.eval().to(device)


def make_small_model(sizes: Sizes, *, device: str) -> MultiModalClassifier:
    """The same with encoders for small images, of 48², trained from scratch; random weights."""
    torch.manual_seed(0)
    specs = [{"name": name, "num_frames": sizes.frames, "shape": [3, 48, 48], "encoder": "grid_cnn"} for name in NAMES]
    config = ClassifierConfig(embed_dim=128, num_heads=4, mlp_dim=256, action_mae=True)
    return build_classifier(specs, NUM_CLASSES, config=config).eval().to(device)


@cache
def export_once(sizes: Sizes, encoder: str) -> Path:
    """The export of `make_model`, or with "grid_cnn" of `make_small_model`; benchmarks share it, so only read it.

    Returns:
        The export's folder, which lives as long as the process.
    """
    small = encoder == "grid_cnn"
    model = make_small_model(sizes, device="cpu") if small else make_model(sizes, encoder, device="cpu")
    place = Path(_exports().name) / encoder
    export_model(save_model(model, place / "model"), place / "export")
    return place / "export"


@cache
def _exports() -> "TemporaryDirectory[str]":
    return TemporaryDirectory()


def make_batch(model: MultiModalClassifier, available: Sequence[Sequence[bool]], *, device: str) -> ClipBatch:
    """Random clips as they leave the device transform; a modality that no row has is no key."""
    generator = torch.Generator().manual_seed(0)
    have = torch.tensor(available)
    clips = {
        spec.name: torch.randn(len(have), spec.num_frames, *spec.shape, generator=generator)
        for slot, spec in enumerate(model.modalities)
        if have[:, slot].any()
    }
    batch = ClipBatch(
        clips=clips,
        available=have,
        labels=torch.randint(NUM_CLASSES, (len(have),), generator=generator),
        sample_ids=[f"clip{row}" for row in range(len(have))],
    )
    return batch.validate(model.modalities).to(device)

"""Reading clips: raw, prepared, from one PNG per frame opened with PIL, and what the decoders alone allow."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader

from actionmae.core.modality import ModalitySet
from actionmae.data.cell import Cell
from actionmae.data.loading.collate import collate
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.loading.framing import region_size
from actionmae.data.loading.sampling import frame_indices, sample_positions
from actionmae.data.manifest import ClipRow, read_manifest, write_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.prepare.video_writer import write_gray_video
from actionmae.data.reading.readers import frames_of, open_reader
from benchmarks.result import Result
from benchmarks.setup import NAMES, Sizes
from benchmarks.timing import interleave

CLIPS = 2
EPOCH = 24  # clips of the epochs over which memory and workers are measured
FPS = 30
Pixels = NDArray[Any]


def run(sizes: Sizes, device: str) -> Result:
    """Write recordings at the data sets' sizes once, then read test clips in every way."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # everything here is per core
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _measure(Path(folder), sizes)
    finally:
        cv2.setNumThreads(threads)


def _measure(folder: Path, sizes: Sizes) -> Result:
    specs = [{"name": name, "num_frames": sizes.frames, "shape": [3, sizes.pixels, sizes.pixels]} for name in NAMES]
    modalities = ModalitySet(specs)
    raw = [_record(folder / "raw" / f"clip{at}", sizes, seed=at) for at in range(CLIPS)]
    write_manifest(folder / "raw.csv", raw, ["walk"])
    # One pixel more than the region, as 270 is for 269.
    report = prepare("manifest", folder / "raw.csv", folder / "prepared", short_side=region_size(modalities[0])[0] + 1)
    prepared = list(read_manifest(report.manifest).rows)
    images = [_extract(row, modalities, folder / "images") for row in prepared]
    datasets = {"raw": _dataset(raw, modalities), "prepared": _dataset(prepared, modalities)}
    encoded = [_encoded(row, modalities) for row in prepared]
    both = list(range(CLIPS))
    cases: dict[str, Callable[[], object]] = {
        "decoders alone": lambda: [None for clip in encoded for _ in _decode(clip)],
        "decoders alone, frames kept": lambda: [list(_decode(clip)) for clip in encoded],
        "prepared": lambda: datasets["prepared"].__getitems__(both),
        "PNG per frame, PIL": lambda: torch.utils.data.default_collate(
            [_open_images(clip, modalities) for clip in images]
        ),
        "raw": lambda: datasets["raw"].__getitems__(both),
    }
    with _one_core():
        times = interleave(cases, rounds=4 * sizes.rounds, device="cpu")
    rows = [
        (name, str(times.rate(name, CLIPS)), str(times.ratio("decoders alone", name)), str(times.ratio("raw", name)))
        for name in cases
    ]
    many = [
        ClipRow(sample=f"{row.sample}-{at}", label="walk", files=row.files)
        for at in range(EPOCH // CLIPS)
        for row in prepared
    ]
    epoch = _dataset(many, modalities)
    figures, workers = _workers(epoch, sizes.rounds)
    figures["epoch_growth_mb"] = _growth(epoch)
    rows.append(("prepared, 2 workers ÷ 1 worker", f"{figures['two_workers']:.2f} ×", "", ""))
    rows.append(("memory added by an epoch", f"{figures['epoch_growth_mb']:.1f} MB", "", ""))
    return Result(
        title="Loading clips",
        about=(
            f"R+D+I test clips of {sizes.frames} of {5 * sizes.frames} frames at {sizes.pixels}², one core: H.264 "
            f"colour of 1080 rows, masked depth (PNG folder) and infrared of 512 × 424, scaled by {sizes.pixels}/224. "
            "Decoders alone: OpenCV over the prepared frames' bytes in memory, nothing else; each frame is dropped at "
            "once, or all of a clip are kept. The others end with a batch of both clips. The PNGs are of the prepared "
            "size."
        ),
        columns=("what", "clips/s/core", "share of the decoders' rate", "× raw"),
        rows=rows,
        seconds=times.seconds | workers,
        figures=figures,
    )


@contextmanager
def _one_core() -> Iterator[None]:
    """FFmpeg's threads, too, share one core, where the system can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _dataset(rows: list[ClipRow], modalities: ModalitySet) -> ClipDataset:
    return ClipDataset(rows, ("walk",), modalities, train=False)


def _record(folder: Path, sizes: Sizes, *, seed: int) -> ClipRow:
    """A blob that walks through a textured room, with each sensor's noise."""
    rng = np.random.default_rng(seed)
    scale, count = sizes.pixels / 224, 5 * sizes.frames
    tall, wide = (2 * round(side * scale / 2) for side in (1080, 1920))
    high, broad = (2 * round(side * scale / 2) for side in (424, 512))
    (folder / "depth").mkdir(parents=True)
    room = cv2.resize(rng.integers(40, 220, (27, 48, 3)).astype(np.uint8), (wide, tall), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(0, 8, (2, tall, wide, 3)).astype(np.uint8)
    with av.open(str(folder / "rgb.mp4"), "w") as container:
        reader: Any = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"})
        reader.height, reader.width, reader.pix_fmt = tall, wide, "yuv420p"
        for at in range(count):
            image = cv2.add(room, grain[at % 2])
            image[_person(tall, wide, at / count)] = (200, 120, 60)
            container.mux(reader.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(reader.encode(None))
    infrared = []
    for at in range(count):
        person = _person(high, broad, at / count)
        depth = np.where(person, 2500 + rng.normal(0, 4, (high, broad)), 0).astype(np.uint16)
        cv2.imwrite(str(folder / "depth" / f"MDepth-{at:08d}.png"), depth)
        infrared.append(np.clip(np.where(person, 150, 60) + rng.normal(0, 5, (high, broad)), 0, 255).astype(np.uint8))
    write_gray_video(folder / "ir.avi", np.stack(infrared), float(FPS))
    return ClipRow(
        sample=folder.name,
        label="walk",
        files={name: Cell(folder / file) for name, file in (("rgb", "rgb.mp4"), ("depth", "depth"), ("ir", "ir.avi"))},
    )


def _person(height: int, width: int, share: float) -> Pixels:
    """[h, w] bool: an ellipse as large as a person 2.5 m away."""
    rows, columns = np.mgrid[0:height, 0:width]
    middle = (0.3 + 0.4 * share) * width
    inside: Pixels = ((rows / height - 0.5) / 0.4) ** 2 + ((columns - middle) / (0.22 * height)) ** 2 < 1
    return inside


def _chosen(cell: Cell, spec: Any) -> list[int]:
    """The frames of a test clip."""
    reader = open_reader(cell, spec)
    return [int(at) for at in frame_indices(sample_positions(spec.num_frames, reader.num_frames), reader.num_frames)]


def _encoded(row: ClipRow, modalities: ModalitySet) -> dict[str, list[Pixels]]:
    """The images of a test clip, still compressed, in memory."""
    out = {}
    for spec in modalities:
        cell = row.files[spec.name]
        with av.open(str(cell.path)) as container:
            images = [np.frombuffer(bytes(packet), np.uint8) for packet in container.demux(video=0) if packet.size]
        out[spec.name] = [images[at] for at in _chosen(cell, spec)]
    return out


def _decode(clip: dict[str, list[Pixels]]) -> Iterator[Pixels]:
    flags = {"rgb": cv2.IMREAD_COLOR_RGB, "depth": cv2.IMREAD_UNCHANGED, "ir": cv2.IMREAD_GRAYSCALE}
    return (np.asarray(cv2.imdecode(image, flags[name])) for name, images in clip.items() for image in images)


def _extract(row: ClipRow, modalities: ModalitySet, folder: Path) -> dict[str, list[Path]]:
    """One PNG per frame; the files of a test clip."""
    out = {}
    for spec in modalities:
        into = folder / row.sample / spec.name
        into.mkdir(parents=True)
        reader = open_reader(row.files[spec.name], spec)
        for at, frame in enumerate(frames_of(reader)):
            cv2.imwrite(str(into / f"{at:05d}.png"), frame[..., ::-1] if frame.shape[2] == 3 else frame)
        out[spec.name] = [into / f"{at:05d}.png" for at in _chosen(row.files[spec.name], spec)]
    return out


def _open_images(clip: dict[str, list[Path]], modalities: ModalitySet) -> dict[str, torch.Tensor]:
    """As the usual data set class does: open, resize, stack."""
    clips = {}
    for name, paths in clip.items():
        height, width = region_size(modalities[name])
        method = Image.Resampling.NEAREST if name == "depth" else Image.Resampling.BILINEAR
        images = [np.asarray(Image.open(path).resize((width, height), method)) for path in paths]
        clips[name] = torch.from_numpy(np.stack(images).astype(np.int32 if name == "depth" else np.uint8))
    return clips


def _workers(epoch: ClipDataset, rounds: int) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Epochs with one and with two processes that decode, their start not counted, and a consumer that does nothing."""
    loaders = {
        f"{count} workers": DataLoader(
            epoch, batch_size=2, num_workers=count, collate_fn=collate, persistent_workers=True
        )
        for count in (1, 2)
    }
    times = interleave(
        {name: lambda loader=loader: [None for _ in loader] for name, loader in loaders.items()},
        rounds=rounds,
        device="cpu",
    )
    return {"two_workers": times.ratio("1 workers", "2 workers").median}, times.seconds


def _growth(epoch: ClipDataset) -> float:
    """Megabytes by which this process grows over an epoch, after one epoch."""
    sizes = []
    for _ in range(2):
        for at in range(0, len(epoch), CLIPS):
            epoch.__getitems__(range(at, at + CLIPS))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append(pages * 4096 / 2**20)
    return sizes[1] - sizes[0]

"""Folders of images: order by number, 16 bits kept, odd names, broken content."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.cell import Cell
from actionmae.data.check.clip import ClipFiles, read_clip
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.reading.image_folder import ImageFolder
from actionmae.data.reading.readers import open_reader


def _write(path: Path, image: np.ndarray) -> None:
    ok, data = cv2.imencode(".png" if path.suffix == ".png" else ".jpg", image)
    assert ok
    path.write_bytes(data.tobytes())


def test_depth_is_sorted_by_number_and_keeps_16_bits(tmp_path: Path) -> None:
    for number in (1, 2, 10, 9):
        _write(tmp_path / f"Depth-{number}.png", np.full((4, 6), 1000 * number, np.uint16))
    reader = ImageFolder(Cell(tmp_path), "depth", 30.0)
    frames = reader.read([0, 1, 2, 3, 3])
    assert (reader.num_frames, reader.fps, frames.dtype, frames.shape) == (4, 30.0, np.uint16, (5, 4, 6, 1))
    assert frames[:, 0, 0, 0].tolist() == [1000, 2000, 9000, 10000, 10000]


def test_names_with_a_comma_are_images_and_colours_are_rgb(tmp_path: Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes BGR
    _write(tmp_path / "001,.jpg", red)
    frame = ImageFolder(Cell(tmp_path), "color").read([0])[0]
    assert frame.shape == (8, 8, 3)
    np.testing.assert_allclose(frame[0, 0], [255, 0, 0], atol=3)
    assert ImageFolder(Cell(tmp_path), "flow").read([0]).shape == (1, 8, 8, 2)


def test_gray_from_gray_colour_and_16_bits(tmp_path: Path) -> None:
    _write(tmp_path / "1.png", np.full((4, 4), 77, np.uint8))
    _write(tmp_path / "2.png", np.full((4, 4, 3), 77, np.uint8))
    _write(tmp_path / "3.png", np.full((4, 4), 77 * 256 + 5, np.uint16))
    frames = ImageFolder(Cell(tmp_path), "gray").read([0, 1, 2])
    assert frames.dtype == np.uint8
    assert (frames == 77).all()


def test_empty_folder_broken_image_wrong_depth_and_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no images: give a folder of numbered"):
        ImageFolder(Cell(tmp_path), "color")
    _write(tmp_path / "1.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(
        ValueError, match=r"1\.png is uint8 \(4, 4\): depth needs 16-bit gray PNG; .* say {name: depth, value: gray}"
    ):
        ImageFolder(Cell(tmp_path), "depth").read([0])
    _write(tmp_path / "2.png", np.zeros((5, 4), np.uint8))
    reader = ImageFolder(Cell(tmp_path), "gray")
    reader.read([0])
    with pytest.raises(ValueError, match=r"2\.png has size \(5, 4\), others in the folder \(4, 4\)"):
        reader.read([1])  # also where frames are read one by one
    (tmp_path / "3.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"3\.png cannot be decoded"):
        ImageFolder(Cell(tmp_path), "gray").read([2])


def _rois(folder: Path) -> list[np.ndarray]:
    """Depth whose region of interest changes its size, as UWA3D Multiview II has it."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    frames = [rng.integers(1, 60000, size, dtype=np.uint16) for size in ((20, 10), (24, 18), (16, 30))]
    for number, frame in enumerate(frames, start=1):
        _write(folder / f"{number:03d}.png", frame)
    return frames


def test_depth_of_changing_size_lies_in_the_middle_of_the_largest(tmp_path: Path) -> None:
    frames = _rois(tmp_path / "roi")
    for indices in ([0, 1, 2], [2], [0]):  # the size does not depend on which frames are read
        read = ImageFolder(Cell(tmp_path / "roi"), "depth").read(indices)
        assert read.shape == (len(indices), 24, 30, 1)
        for got, frame in zip(read[..., 0], (frames[index] for index in indices), strict=True):
            top, left = (24 - frame.shape[0]) // 2, (30 - frame.shape[1]) // 2
            np.testing.assert_array_equal(got[top : top + frame.shape[0], left : left + frame.shape[1]], frame)
            assert got.astype(np.int64).sum() == frame.astype(np.int64).sum(), "all around is 0"


def test_prepared_depth_of_changing_size_has_the_pixels_of_the_raw_one(tmp_path: Path) -> None:
    raw = tmp_path / "raw/wave/a/depth"
    raw.parent.mkdir(parents=True)
    _rois(raw)
    report = prepare("folder", tmp_path / "raw", tmp_path / "out")
    assert report.problems == ()
    (row,) = read_manifest(report.manifest).rows
    assert row.files["depth"].path.suffix == ".avi"
    spec = resolve("depth")
    prepared = open_reader(row.files["depth"], spec).read([0, 1, 2])
    np.testing.assert_array_equal(prepared, open_reader(raw, spec).read([0, 1, 2]))
    assert read_clip(ClipFiles(sample="a", files={"depth": Cell(raw)}, specs={"depth": spec})).unreadable == {}


def test_a_depth_image_that_is_no_png_is_named(tmp_path: Path) -> None:
    _rois(tmp_path / "roi")
    (tmp_path / "roi/002.png").write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"002\.png is cut off or no PNG: depth needs 16-bit gray PNG"):
        ImageFolder(Cell(tmp_path / "roi"), "depth").read([0])

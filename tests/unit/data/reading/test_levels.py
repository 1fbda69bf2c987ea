"""Infrared of 16 bits: black and white where the sensor has them, from every form of recording."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.cell import Cell
from actionmae.data.manifest import read_manifest, write_manifest
from actionmae.data.prepare.run import prepare
from actionmae.data.reading.image_folder import ImageFolder
from actionmae.data.reading.levels import eight_bits
from actionmae.data.reading.readers import open_reader
from helpers.rows import clip_row

BRIGHTNESS = np.array([0, 200, 700, 1200, 5000], np.uint16)
INFRARED = resolve({"name": "ir", "value_range": (200.0, 1200.0)})


def test_brightness_is_mapped_from_black_to_white() -> None:
    assert eight_bits(BRIGHTNESS, (200.0, 1200.0)).tolist() == [0, 0, 128, 255, 255]
    assert eight_bits(BRIGHTNESS, None).tolist() == [0, 0, 2, 4, 19]
    already = np.array([3, 9], np.uint8)
    assert eight_bits(already, (200.0, 1200.0)) is already


def _video(path: Path, frames: np.ndarray, codec: str, pix_fmt: str) -> None:
    with av.open(str(path), "w") as container:
        reader = container.add_stream(codec, rate=30)
        reader.height, reader.width, reader.pix_fmt = *frames.shape[1:], pix_fmt
        for frame in frames:
            container.mux(reader.encode(av.VideoFrame.from_ndarray(frame, format="gray16le")))
        container.mux(reader.encode(None))


@pytest.mark.parametrize("form", ["folder", "ir.npy", "ir.mkv", "ir.avi"])
def test_every_form_is_mapped_and_prepared_alike(form: str, tmp_path: Path) -> None:
    frames = np.broadcast_to(BRIGHTNESS[:, None, None], (5, 32, 48)).copy()
    place = tmp_path / form
    if form == "folder":
        place.mkdir()
        for at, frame in enumerate(frames):
            cv2.imwrite(str(place / f"{at}.png"), frame)
    elif form == "ir.npy":
        np.save(place, frames)
    else:
        _video(place, frames, *(("ffv1", "gray16le") if form == "ir.mkv" else ("png", "gray16be")))
    read = open_reader(place, INFRARED).read(range(5))
    assert (read.shape, read.dtype) == ((5, 32, 48, 1), np.uint8)
    assert read[:, 0, 0, 0].tolist() == [0, 0, 128, 255, 255]
    assert open_reader(place, resolve("ir")).read([4])[0, 0, 0, 0] == pytest.approx(19, abs=1)
    write_manifest(tmp_path / "raw.csv", [clip_row(sample="a", label="b", files={"ir": place})], ["b"])
    wanted = [{"name": "ir", "value_range": (200.0, 1200.0)}]
    report = prepare("manifest", tmp_path / "raw.csv", tmp_path / "out", modalities=wanted)
    prepared = open_reader(read_manifest(report.manifest).rows[0].files["ir"], resolve("ir")).read(range(5))
    np.testing.assert_allclose(prepared[:, 5, 5, 0].astype(int), [0, 0, 128, 255, 255], atol=2)


def test_images_of_other_types_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.tiff"), np.zeros((4, 4), np.float32))
    (tmp_path / "1.tiff").rename(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"1\.png cannot be decoded: copy it again, or convert it to PNG or JPEG"):
        ImageFolder(Cell(tmp_path), "gray").read([0])

"""Small bad files: pipes, headers that claim terabytes, links out of the file, playlists, damage of every kind."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
from scipy.io import savemat

from actionmae.data.prepare.video_writer import write_color_video, write_depth_video

TERABYTE = 1 << 40
Write = Callable[[Path], object]

_RNG = np.random.default_rng(0)
SIGNAL = _RNG.normal(size=(20, 6))
IMAGES = _RNG.integers(0, 255, (4, 32, 32, 3)).astype(np.uint8)
DEPTHS = _RNG.integers(500, 3000, (4, 32, 32)).astype(np.uint16)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    """A terabyte that takes no room on disk."""
    with path.open("wb") as file:
        file.truncate(TERABYTE)


def npy_header(shape: str, dtype: str = "'<f8'", data: bytes = b"", version: int = 1) -> Write:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return lambda path: path.write_bytes(b"\x93NUMPY" + bytes([version, 0]) + length + text + data)


def level_5(shape: tuple[int, ...], *, stored: int = 9, size: int | None = None) -> Write:
    """A MATLAB file whose array claims a shape; `stored` is the type of its numbers, `size` their bytes."""
    dims = struct.pack(f"<{len(shape)}i", *shape)
    dims += bytes(-len(dims) % 8)
    matrix = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<II", 5, 4 * len(shape)) + dims
    matrix += struct.pack("<HHI", 1, 1, ord("a")) + struct.pack("<II", stored, 64 if size is None else size) + bytes(64)
    header = b"MATLAB".ljust(124) + b"\x00\x01IM"
    return lambda path: path.write_bytes(header + struct.pack("<II", 14, len(matrix)) + matrix)


def level_5_bomb(path: Path) -> None:
    """Megabytes of zeros in a kilobyte, as more numbers than the shape says."""
    level_5((20, 6), size=1 << 26)(path)
    whole = path.read_bytes()
    packed = zlib.compress(whole[128:] + bytes(1 << 26))
    path.write_bytes(whole[:128] + struct.pack("<II", 15, len(packed)) + packed)


def hdf5(write: Callable[[h5py.File], object]) -> Write:
    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            write(file)

    return make


def hdf5_external(path: Path) -> None:
    secret = path.with_name("secret.bin")
    secret.write_bytes(SIGNAL.tobytes())
    hdf5(lambda file: file.create_dataset("a", (6, 20), "f8", external=[(str(secret), 0, 960)]))(path)


def hdf5_virtual(path: Path) -> None:
    other = path.with_name("other.mat")
    hdf5(lambda file: file.create_dataset("a", data=SIGNAL.T))(other)
    layout = h5py.VirtualLayout((6, 20), "f8")
    layout[:] = h5py.VirtualSource(str(other), "a", (6, 20))
    hdf5(lambda file: file.create_virtual_dataset("a", layout))(path)


def hdf5_link(path: Path) -> None:
    other = path.with_name("other.mat")
    hdf5(lambda file: file.create_dataset("a", data=SIGNAL.T))(other)
    hdf5(lambda file: file.__setitem__("a", h5py.ExternalLink(str(other), "/a")))(path)


def png(width: int, height: int, *, bits: int = 8, data: bytes = b"") -> bytes:
    """A PNG whose header says what it likes; colour of 8 bits, gray of 16."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, bits, 0 if bits == 16 else 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data or zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int) -> bytes:
    """A JPEG of 32 × 32 pixels whose header says otherwise."""
    whole = bytearray(encoded(IMAGES[0], ".jpg"))
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(whole)


def encoded(image: np.ndarray, ending: str = ".png") -> bytes:
    return cv2.imencode(ending, image)[1].tobytes()


def folder_with(content: bytes, ending: str = ".png", first: np.ndarray = IMAGES[0]) -> Write:
    """A folder of two images, the second of which is this one."""

    def write(path: Path) -> None:
        path.mkdir()
        (path / f"1{ending}").write_bytes(encoded(first, ending))
        (path / f"2{ending}").write_bytes(content)

    return write


def folder_of(special: Write, name: str) -> Write:
    def write(path: Path) -> None:
        path.mkdir()
        special(path / name)

    return write


def video_with(packet: bytes) -> Write:
    """An AVI of PNG images, 32 × 32 pixels each, but for the last one, which is this packet."""

    def write(path: Path) -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("png", rate=30)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
            for image in IMAGES:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            last = av.Packet(packet)
            last.stream, last.time_base, last.is_keyframe = stream, stream.time_base, True
            last.pts = last.dts = int(len(IMAGES) / 30 / stream.time_base)
            container.mux(last)

    return write


def playlist(text: str) -> Write:
    """A text that names a video beside it."""

    def write(path: Path) -> None:
        write_color_video(path.with_name("other.avi"), IMAGES, 30.0)
        path.write_text(text.format(other="other.avi", path=path.with_name("other.avi")))

    return write


def npz(path: Path) -> None:
    content = io.BytesIO()
    np.savez(content, a=SIGNAL)
    path.write_bytes(content.getvalue())


def text(content: str) -> Write:
    return lambda path: path.write_text(content, encoding="utf-8")


def video(codec: str, pixels: str) -> Write:
    def write(path: Path) -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=30)
            stream.width, stream.height, stream.pix_fmt = 32, 32, pixels
            for image in IMAGES:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))

    return write


def skeleton(path: Path) -> None:
    body = ["72057594037931101 0 1 1 1 1 0 0.1 0.2 2", "4", *[" ".join(["0.25"] * 12)] * 4]
    path.write_text("\n".join(["3", *["1", *body] * 3]))


def skeleton_folder(path: Path) -> None:
    path.mkdir()
    for at in range(2):
        (path / f"f_{at}.txt").write_text("1,1\n" + "0.1,0.2,3,1\n" * 4)


def hdf5_packed(path: Path) -> None:
    hdf5(lambda file: file.create_dataset("a", data=SIGNAL.T, compression="gzip", chunks=(3, 10)))(path)


WHOLE: dict[str, tuple[str, Write]] = {
    "npy": ("signal", lambda path: np.save(path, SIGNAL)),
    "images.npy": ("depth", lambda path: np.save(path, DEPTHS)),
    "mat": ("signal", lambda path: savemat(path, {"a": SIGNAL})),
    "packed.mat": ("signal", lambda path: savemat(path, {"a": SIGNAL}, do_compression=True)),
    "hdf5.mat": ("signal", hdf5(lambda file: file.create_dataset("a", data=SIGNAL.T))),
    "packed_hdf5.mat": ("signal", hdf5_packed),
    "csv": ("signal", lambda path: np.savetxt(path, SIGNAL, delimiter=",", header="a,b,c,d,e,f", comments="")),
    "txt": ("signal", lambda path: np.savetxt(path, SIGNAL)),
    "skeleton": ("skeleton", skeleton),
    "skeletons/": ("skeleton", skeleton_folder),
    "png/": ("rgb", folder_with(encoded(IMAGES[1]))),
    "png16/": ("depth", folder_with(encoded(DEPTHS[1]), first=DEPTHS[0])),
    "jpg/": ("rgb", folder_with(encoded(IMAGES[1], ".jpg"), ".jpg")),
    "jpeg.avi": ("rgb", lambda path: write_color_video(path, IMAGES, 30.0)),
    "png.avi": ("depth", lambda path: write_depth_video(path, DEPTHS, 30.0)),
    "h264.mp4": ("rgb", video("libx264", "yuv420p")),
    "ffv1.mkv": ("rgb", video("ffv1", "yuv420p")),
    "mpeg2.mpg": ("rgb", video("mpeg2video", "yuv420p")),
}
"""A whole file of each form, and the modality that it is read as; a name with / is a folder's."""


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, with bytes lost, put in between or changed, in the header or anywhere."""
    changed, how = bytearray(content), int(rng.integers(0, 6))
    first, last = sorted(int(at) for at in rng.integers(0, len(content), 2))
    if how == 0:
        return content[:first]
    if how == 1:
        return content[:first] + content[last:]
    if how == 2:
        return content[:first] + rng.bytes(20) + content[first:]
    if how == 3:
        changed[first : first + 4] = b"\xff" * len(changed[first : first + 4])
        return bytes(changed)
    within = min(len(content), 200 if how == 4 else len(content))
    for at in rng.integers(0, within, 5):
        changed[at] = int(rng.integers(0, 256))
    return bytes(changed)

"""`open_reader`: the form by the file's name, the axes by the kind, and one clear sentence for what is broken."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from actionmae.core.modality import ModalitySpec, resolve
from actionmae.data.prepare.video_writer import write_depth_video
from actionmae.data.reading.readers import open_reader

DEPTH = resolve("depth")
JOINTS = resolve({"name": "skeleton", "shape": (2, 4, 3), "mirror": None})
SIGNAL = resolve("inertial")
FEATURES = ModalitySpec(name="audio", letter="U", kind="features", shape=(5,), value="raw", encoder="features")


def _mat(path: Path, **arrays: np.ndarray) -> Path:
    savemat(path, arrays)
    return path


def test_mat_has_time_last_for_frames_and_joints_first_for_signals(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    depth = rng.integers(0, 4000, (6, 8, 5)).astype(np.uint16)
    reader = open_reader(_mat(tmp_path / "d.mat", d_depth=depth), DEPTH)
    assert reader.num_frames == 5
    np.testing.assert_array_equal(reader.read([1, 4])[..., 0], depth.transpose(2, 0, 1)[[1, 4]])

    joints = rng.normal(size=(4, 3, 7))
    reader = open_reader(_mat(tmp_path / "s.mat", d_skel=joints), JOINTS)
    assert (reader.num_frames, reader.fps) == (7, 30.0)
    read = reader.read([0, 6])
    assert (read.dtype, read.shape) == (np.float32, (2, 2, 4, 3))
    np.testing.assert_allclose(read[:, 0], joints.transpose(2, 0, 1)[[0, 6]], rtol=1e-6)
    assert np.isnan(read[:, 1]).all()

    signal = rng.normal(size=(9, 6))
    reader = open_reader(_mat(tmp_path / "i.mat", d_iner=signal), SIGNAL)
    np.testing.assert_allclose(reader.read([0, 8]), signal[[0, 8]], rtol=1e-6)


def _mat_73(path: Path, **arrays: np.ndarray) -> Path:
    """As MATLAB's `save -v7.3` writes: an HDF5 file after 512 bytes of its own, axes from the other end."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = array.T
    return path


def test_mat_saved_with_v73_reads_like_any_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for array, spec in ((rng.normal(size=(4, 3, 7)), JOINTS), (rng.normal(size=(9, 6)), SIGNAL)):
        old, new = _mat(tmp_path / "old.mat", a=array), _mat_73(tmp_path / "new.mat", a=array)
        np.testing.assert_array_equal(open_reader(new, spec).read([0, 6]), open_reader(old, spec).read([0, 6]))
    with pytest.raises(ValueError, match=r"holds 2 numeric arrays \(a, b\): keep exactly one"):
        open_reader(_mat_73(tmp_path / "two.mat", a=np.ones(3), b=np.ones(3)), SIGNAL)
    (tmp_path / "cut.mat").write_bytes((tmp_path / "new.mat").read_bytes()[:700])
    with pytest.raises(ValueError, match=r"cut\.mat cannot be read as a MATLAB file"):
        open_reader(tmp_path / "cut.mat", SIGNAL)


def test_joints_come_in_three_arrangements(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(7, 4, 3)).astype(np.float32)  # [T, J, 3]
    for array in (joints, joints.swapaxes(1, 2), joints.reshape(7, 12)):
        np.save(tmp_path / "s.npy", array)
        read = open_reader(_mat(tmp_path / "s.mat", a=np.moveaxis(array, 0, -1)), JOINTS).read(range(7))
        np.testing.assert_array_equal(read[:, 0], joints)
        np.testing.assert_array_equal(open_reader(tmp_path / "s.npy", JOINTS).read(range(7)), read)


def test_npy_has_time_first(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(7, 2, 4, 3)).astype(np.float32)
    joints[3, 1] = 0.0
    np.save(tmp_path / "s.npy", joints)
    read = open_reader(tmp_path / "s.npy", JOINTS).read(range(7))
    assert np.isnan(read[3, 1]).all()
    np.testing.assert_array_equal(read[:3], joints[:3])
    np.save(tmp_path / "f.npy", np.ones((7, 5)))
    assert open_reader(tmp_path / "f.npy", FEATURES).read([0, 0, 6]).shape == (3, 5)
    np.save(tmp_path / "c.npy", np.zeros((7, 8, 9, 3), np.uint8))
    images = open_reader(tmp_path / "c.npy", resolve("rgb")).images([0, 1, 1])
    assert [image.shape for image in images] == [(8, 9, 3)] * 3


def test_further_persons_are_left_out(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.ones((2, 5, 4, 3)))
    assert open_reader(tmp_path / "s.npy", JOINTS).read([0]).shape == (1, 2, 4, 3)


def test_video_and_folder_are_told_apart(tmp_path: Path) -> None:
    write_depth_video(tmp_path / "d.mkv", np.ones((2, 8, 8), np.uint16), 30.0)
    assert open_reader(tmp_path / "d.mkv", DEPTH).num_frames == 2
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        open_reader(tmp_path / "folder", DEPTH)


@pytest.mark.parametrize(
    ("array", "spec", "match"),
    [
        (np.zeros((0, 4, 3)), JOINTS, "has no frames: record or convert it again"),
        (np.full((3, 4, 3), np.nan), JOINTS, r"a\.npy has NaN or infinite values in frame 0: repair the skeleton"),
        (np.ones((3, 5, 3)), JOINTS, r"has shape \(3, 5, 3\): skeleton needs \(time, 4, 3\)"),
        (np.zeros((3, 2, 4, 3)), JOINTS, "holds no person in any frame: leave this cell"),
        (np.ones((3, 5)), SIGNAL, r"has shape \(3, 5\): inertial needs \(time, 6\)"),
        (np.full((3, 6), np.inf), SIGNAL, "has NaN or infinite values in frame 0"),
        (np.full((3, 6), 1e300), SIGNAL, "has NaN or infinite values in frame 0"),
        (np.full((3, 4, 3), 1e300), JOINTS, "has NaN or infinite values in frame 0"),
        (np.zeros((3, 0, 8), np.int16), DEPTH, "has no frames: record or convert it again"),
        (np.ones((3, 6)), FEATURES, r"audio needs \(time, 5\)"),
        (np.ones((3, 8, 8, 2), np.uint8), resolve("rgb"), r"rgb needs \(time, height, width, 3\)"),
        (np.ones((3, 8, 8)), DEPTH, "is float64: depth needs uint16, depth in millimetres"),
        (np.array(["a"], dtype=object), SIGNAL, "holds object instead of numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, array: np.ndarray, spec: ModalitySpec, match: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=match):
        open_reader(tmp_path / "a.npy", spec)


def test_one_nan_joint_is_refused_with_its_frame(tmp_path: Path) -> None:
    joints = np.ones((5, 2, 4, 3))
    joints[3, 0, 2, 1] = np.nan
    np.save(tmp_path / "s.npy", joints)
    with pytest.raises(ValueError, match=r"s\.npy has NaN or infinite values in frame 3"):
        open_reader(tmp_path / "s.npy", JOINTS)


def test_files_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"inertial recording .* does not exist"):
        open_reader(tmp_path / "none.mat", SIGNAL)
    (tmp_path / "a.wav").write_text("1,2")
    with pytest.raises(
        ValueError, match=r"a\.wav cannot be read as inertial .signal.: give a \.mat, \.npy, \.csv or \.txt"
    ):
        open_reader(tmp_path / "a.wav", SIGNAL)
    (tmp_path / "a.mat").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"a\.mat cannot be read as a MATLAB file"):
        open_reader(tmp_path / "a.mat", SIGNAL)
    with pytest.raises(ValueError, match=r"holds 2 numeric arrays \(a, b\): keep exactly one"):
        open_reader(_mat(tmp_path / "two.mat", a=np.ones(3), b=np.ones(3)), SIGNAL)
    with pytest.raises(ValueError, match="holds 0 numeric arrays: keep exactly one"):
        open_reader(_mat(tmp_path / "text.mat", a=np.array(["text"])), SIGNAL)


@pytest.mark.parametrize("order", "<>")
def test_either_order_of_bytes_is_read(tmp_path: Path, order: str) -> None:
    depth = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
    np.save(tmp_path / "d.npy", depth.astype(f"{order}u2"))
    with h5py.File(tmp_path / "d.mat", "w") as file:
        file["a"] = depth.T.astype(f"{order}u2").transpose(0, 2, 1).copy()
    np.testing.assert_array_equal(open_reader(tmp_path / "d.npy", DEPTH).read(range(3))[..., 0], depth)
    assert open_reader(tmp_path / "d.mat", DEPTH).read([0]).dtype == np.uint16

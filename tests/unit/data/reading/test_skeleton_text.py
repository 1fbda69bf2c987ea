"""NTU `.skeleton` text: persons are followed, not read by position."""

from pathlib import Path

import numpy as np
import pytest

from actionmae.data.reading.skeleton_text import read_skeleton_text

Bodies = list[dict[str, tuple[float, float, float]]]


def _write(path: Path, frames: Bodies, joints: int = 3) -> Path:
    """Every body's joints lie at its place, each a little higher than the last."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body, (x, y, z) in bodies.items():
            lines += [f"{body} 0 1 1 1 1 0 0.1 0.2 2", str(joints)]
            lines += [f"{x} {y + 0.1 * joint} {z} " + "0 " * 8 + "2" for joint in range(joints)]
    path.write_text("\n".join(lines))
    return path


def _read(path: Path, frames: Bodies, persons: int = 2) -> np.ndarray:
    return read_skeleton_text(_write(path / "a.skeleton", frames), num_persons=persons, num_joints=3)


def test_one_body_reads_and_the_second_person_is_absent(tmp_path: Path) -> None:
    out = _read(tmp_path, [{"7": (0.1 * t, 1.0, 3.0)} for t in range(5)])
    assert out.shape == (5, 2, 3, 3)
    np.testing.assert_allclose(out[4, 0], [[0.4, 1.0, 3.0], [0.4, 1.1, 3.0], [0.4, 1.2, 3.0]], atol=1e-6)
    assert np.isnan(out[:, 1]).all()


def test_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    walker, sitter = [(0.1 * t, 0.0, 3.0) for t in range(6)], [(2.0, 0.0, 3.0)] * 6
    frames: Bodies = [{"1": walker[t], "2": sitter[t]} if t % 2 else {"2": sitter[t], "1": walker[t]} for t in range(6)]
    out = _read(tmp_path, frames)
    np.testing.assert_allclose(out[:, 0, 0, 0], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5], atol=1e-6)
    np.testing.assert_allclose(out[:, 1, 0, 0], 2.0)


def test_swapped_ids_are_undone_by_place(tmp_path: Path) -> None:
    frames: Bodies = []
    for t in range(6):
        walker, sitter = (0.05 * t, 0.0, 3.0), (1.0, 0.0, 3.0)
        frames.append({"1": walker, "2": sitter} if t < 3 else {"1": sitter, "2": walker})
    out = _read(tmp_path, frames)
    np.testing.assert_allclose(out[:, 0, 0, 0], 0.05 * np.arange(6), atol=1e-6)
    np.testing.assert_allclose(out[:, 1, 0, 0], 1.0)


def test_a_body_that_reappears_nearby_under_a_new_id_is_the_same_person(tmp_path: Path) -> None:
    frames: Bodies = [{"1": (0.1 * t, 0.0, 3.0)} for t in range(3)] + [{}] + [{"9": (0.4, 0.0, 3.0)}] * 2
    out = _read(tmp_path, frames)
    assert (~np.isnan(out[:, 0, 0, 0])).tolist() == [True, True, True, False, True, True]
    assert np.isnan(out[:, 1]).all()


def test_of_three_bodies_those_that_move_are_kept(tmp_path: Path) -> None:
    frames: Bodies = [
        {"chair": (5.0, 0.0, 3.0), "a": (0.2 * t, 0.0, 3.0), "b": (-3.0 - 0.1 * t, 0.0, 3.0)} for t in range(6)
    ]
    out = _read(tmp_path, frames)
    np.testing.assert_allclose(out[:, :, 0, 0], [[0.2 * t, -3.0 - 0.1 * t] for t in range(6)], atol=1e-6)
    np.testing.assert_allclose(_read(tmp_path, frames, persons=1)[:, 0, 0, 0], 0.2 * np.arange(6), atol=1e-6)


def test_a_later_body_takes_a_free_slot(tmp_path: Path) -> None:
    frames: Bodies = [{"a": (0.2 * t, 0.0, 3.0)} for t in range(4)] + [{"b": (4.0, 0.0, 3.0)}] * 2
    np.testing.assert_allclose(_read(tmp_path, frames, persons=1)[4:, 0, 0, 0], 4.0)


def test_broken_text_is_refused(tmp_path: Path) -> None:
    good = _write(tmp_path / "good.skeleton", [{"1": (0.0, 0.0, 3.0)}] * 3)
    cut = tmp_path / "cut.skeleton"
    cut.write_text(good.read_text()[:-150])
    with pytest.raises(ValueError, match=r"cut\.skeleton is cut off or no skeleton text at frame 1"):
        read_skeleton_text(cut, num_persons=2, num_joints=3)
    with pytest.raises(ValueError, match=r"good\.skeleton has 3 joints, the modality 25"):
        read_skeleton_text(good, num_persons=2, num_joints=25)
    bad = _write(tmp_path / "nan.skeleton", [{"1": (0.0, 0.0, 3.0)}, {"1": (float("nan"), 0.0, 3.0)}])
    with pytest.raises(ValueError, match=r"nan\.skeleton has NaN or infinite joints in frame 1"):
        read_skeleton_text(bad, num_persons=2, num_joints=3)
    with pytest.raises(ValueError, match="holds no body in any frame: leave this cell"):
        _read(tmp_path, [{}, {}])
    (tmp_path / "b.skeleton").write_text("not a skeleton")
    with pytest.raises(ValueError, match="is cut off or no skeleton text"):
        read_skeleton_text(tmp_path / "b.skeleton", num_persons=2, num_joints=3)


def test_real_recording_belongs_to_its_video(recordings: Path) -> None:
    path = recordings / "ntu-sample" / "S001C001P001R001A001.skeleton"
    out = read_skeleton_text(path, num_persons=2, num_joints=25)
    assert out.shape == (103, 2, 25, 3)
    assert np.isfinite(out[:, 0]).all()
    assert np.isnan(out[:, 1]).all()
    np.testing.assert_allclose(out[0, 0, 0], [0.2181153, 0.1725972, 3.785547], atol=1e-6)

"""Rendered files: read back by the project's own readers, complete, resumable, equal on any number of processes."""

import hashlib
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.layouts.ntu import index, parse_name
from actionmae.data.reading.readers import open_reader
from actionmae.synthetic import render_clip, render_dataset, sample_names, write_recording

SIZE = ((64, 48), (48, 40))
SMALL = {"actions": (23, 58), "subjects": 1, "cameras": 1, "num_frames": 5, "size": SIZE}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic")
    render_dataset(out, **SMALL)
    return out


def digest(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_files_carry_ntu_names_and_the_layout_finds_them(dataset: Path) -> None:
    rows, problems = index(dataset)
    assert problems == []
    assert [row.sample for row in rows] == ["S003C001P001R001A023", "S003C001P001R001A058"]
    assert [row.label for row in rows] == ["hand waving", "handshaking"]
    assert all(list(row.files) == ["rgb", "depth", "ir", "skeleton"] for row in rows)
    folder = dataset / "nturgb+d_depth_masked/S003C001P001R001A023"
    assert [path.name for path in sorted(folder.iterdir())] == [f"MDepth-{n:08d}.png" for n in range(1, 6)]


def test_the_readers_return_what_was_rendered(dataset: Path) -> None:
    for row in index(dataset)[0]:
        clip = render_clip(parse_name(row.sample), num_frames=5, size=SIZE)
        read = {}
        for name, path in row.files.items():
            reader = open_reader(path, resolve(name))
            assert reader.num_frames == 5
            read[name] = reader.read(np.arange(5))
        depth = read["depth"][..., 0]
        assert depth.dtype == np.uint16
        assert (depth[clip.person] == clip.depth[clip.person]).all(), "lossless on the person"
        assert (depth == 0).mean() > 0.5, "masked elsewhere"
        assert np.abs(read["rgb"].astype(int) - clip.rgb).mean() < 8
        assert np.abs(read["ir"][..., 0].astype(int) - clip.ir).mean() < 5
        persons = clip.joints.shape[1]
        found = read["skeleton"][:, :persons]
        # Persons may come back in another order: the reader puts the one who moves most first.
        errors = [np.abs(found[:, list(order)] - clip.joints).max() for order in permutations(range(persons))]
        assert min(errors) < 1e-4
        assert persons == 2 or np.isnan(read["skeleton"][:, 1]).all()


def test_skeleton_text_has_ntus_twelve_numbers(dataset: Path) -> None:
    name = "S003C001P001R001A058"
    lines = (dataset / f"nturgb+d_skeletons/{name}.skeleton").read_text().splitlines()
    clip = render_clip(parse_name(name), num_frames=5, size=SIZE)
    assert lines[:2] == ["5", "2"]
    assert len(lines[2].split()) == 10
    assert lines[3] == "25"
    assert len(lines) == 1 + 5 * (1 + 2 * 27)
    numbers = np.array([line.split() for line in lines[4:29]], dtype=float)
    np.testing.assert_allclose(numbers[:, :3], clip.joints[0, 0], atol=1e-5)
    shrink = np.divide(SIZE[1], (512, 424)), np.divide(SIZE[0], (1920, 1080))  # the text speaks of the sensor's pixels
    np.testing.assert_allclose((numbers[:, 3:5] + 0.5) * shrink[0] - 0.5, clip.depth_xy[0, 0], atol=1e-4)
    np.testing.assert_allclose((numbers[:, 5:7] + 0.5) * shrink[1] - 0.5, clip.color_xy[0, 0], atol=1e-4)
    assert set(np.round(np.linalg.norm(numbers[:, 7:11], axis=1), 4)) == {0.0, 1.0}
    assert set(numbers[:, 11]) <= {1.0, 2.0}


def test_full_depth_keeps_the_room(tmp_path: Path) -> None:
    clip = render_clip(parse_name("S003C001P001R001A023"), num_frames=2, size=SIZE)
    write_recording(tmp_path, clip, masked=False)
    (row,), _ = index(tmp_path)
    depth = open_reader(row.files["depth"], resolve("depth")).read([0, 1])[..., 0]
    np.testing.assert_array_equal(depth, clip.depth)
    assert (tmp_path / "nturgb+d_depth/S003C001P001R001A023/Depth-00000001.png").is_file()


def test_finished_samples_are_kept_and_unfinished_ones_done_again(dataset: Path) -> None:
    before = digest(dataset)
    skeletons = sorted((dataset / "nturgb+d_skeletons").iterdir())
    stamp = skeletons[1].stat().st_mtime_ns
    skeletons[0].unlink()  # as if killed before the last file
    half = dataset / "nturgb+d_depth_masked/unfinished-S003C001P001R001A023"
    half.mkdir()
    (half / "MDepth-00000001.png").write_bytes(b"half")
    seen: list[tuple[int, int]] = []
    names = render_dataset(dataset, **SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 2)]
    assert len(names) == 2
    assert digest(dataset) == before
    assert skeletons[1].stat().st_mtime_ns == stamp


def test_two_processes_write_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    render_dataset(tmp_path, **SMALL, workers=2)
    assert digest(tmp_path) == digest(dataset)


def test_other_settings_are_refused(dataset: Path) -> None:
    with pytest.raises(ValueError, match="holds recordings of other settings"):
        render_dataset(dataset, **(SMALL | {"num_frames": 6}))


def test_names_cover_actions_subjects_and_cameras() -> None:
    names = sample_names(actions=(1, 23), subjects=8, cameras=3, repetitions=2, setups=4)
    assert len(set(names)) == 2 * 8 * 3 * 2
    assert {name.setup for name in names} == {1, 2, 3, 4}
    assert {name.setup for name in names if name.subject == 1} == {3, 4}, "a subject is not tied to one room"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": (2,)}, "action 2 cannot be rendered: choose from 1, 6"),
        ({"actions": ()}, "no action was given"),
        ({"subjects": 0}, "subjects is 0: give 1 to 106"),
        ({"cameras": 4}, "cameras is 4: give 1 to 3"),
        ({"repetitions": 0}, "repetitions is 0"),
        ({"workers": 0}, "workers is 0: give 1 or more"),
        ({"seed": -1}, "seed is -1: give 0 or more"),
        ({"num_frames": 0}, "num_frames is 0: give 1 or more"),
        ({"size": ((64, 47), (48, 40))}, "even widths and heights"),
    ],
)
def test_bad_arguments(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_dataset(tmp_path, **(SMALL | changes))

"""Which clips a pattern finds."""

from pathlib import Path

import pytest

from actionmae.inference.clip_lists import manifest_clips, pattern_clips
from helpers.tiny_recordings import write_recordings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "v/c10_rgb.avi",
        "v/c2_rgb.avi",
        "v/c2_depth.avi",
        "c2/x/1.png",
        "c3/x/1.png",
        "d/c2/c2.npy",
        "d/c2/e.npy",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(**patterns: str) -> dict[str, dict[str, str]]:
    return {name: {key: str(cell) for key, cell in files.items()} for name, files in pattern_clips(patterns)}


def test_recordings_of_one_name_are_one_clip(folder: Path) -> None:
    clips = found(rgb="v/{clip}_rgb.avi", depth="v/{clip}_depth.avi")
    assert list(clips) == ["c2", "c10"]
    assert clips["c2"] == {"rgb": "v/c2_rgb.avi", "depth": "v/c2_depth.avi"}
    assert clips["c10"] == {"rgb": "v/c10_rgb.avi"}
    assert found(rgb=f"{folder}/v/{{clip}}_rgb.avi").keys() == {"c2", "c10"}


def test_folders_cells_and_repeated_names(folder: Path) -> None:
    images = found(rgb="{clip}/x/*.png#1-3@10fps")
    assert images == {name: {"rgb": f"{name}/x/*.png#1-3@10fps"} for name in ("c2", "c3")}
    assert found(sound="d/{clip}/{clip}.npy@10fps") == {"c2": {"sound": "d/c2/c2.npy@10fps"}}
    (folder / "v").rename(folder / "v[1]")
    assert found(rgb="v[1]/{clip}_rgb.avi#0-3").keys() == {"c2", "c10"}


def test_columns_of_tables(folder: Path) -> None:
    for name in ("acc/c1.csv", "acc/c2.csv", "acc/c2.CSV", "acc/c2.csv.old"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    for ending in ("[1-6]", "[acc/x,y]", "[x,y]@t:ms", "[x]#3-9"):
        clips = found(inertial="acc/{clip}.csv" + ending)
        assert clips == {name: {"inertial": f"acc/{name}.csv{ending}"} for name in ("c1", "c2")}


def test_patterns_that_find_nothing_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"depth=v/c2_depth.avi has no \{clip\}: write it in every path"):
        found(rgb="v/{clip}_rgb.avi", depth="v/c2_depth.avi")
    with pytest.raises(ValueError, match=r"nothing fits rgb=w/\{clip\}.avi: check the path"):
        found(rgb="w/{clip}.avi")


def test_a_manifest_gives_its_clips_in_order(tmp_path: Path) -> None:
    manifest = write_recordings(tmp_path, missing=True)
    clips = manifest_clips(manifest, ("sound",))
    assert [name for name, _ in clips] == [f"clip{at}" for at in range(33)]
    assert [set(files) for _, files in clips[:3]] == [{"sound"}, set(), {"sound"}]
    with pytest.raises(ValueError, match="has sound, inertial but the model reads rgb: they need a modality in common"):
        manifest_clips(manifest, ("rgb",))

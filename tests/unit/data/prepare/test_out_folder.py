"""The folder that prepare writes into: nothing of others' is replaced, nothing that people wrote is lost."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from actionmae.cli import main
from actionmae.data.manifest import read_manifest, write_manifest
from actionmae.data.prepare.out_folder import keep_facts
from actionmae.data.prepare.own_folder import index_folder
from actionmae.data.prepare.run import prepare
from actionmae.data.prepare.video_writer import write_color_video


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A manifest of somebody's own beside three videos, one of them broken."""
    root = tmp_path / "own"
    (root / "rgb").mkdir(parents=True)
    for name in "ab":
        write_color_video(root / "rgb" / f"{name}.avi", np.full((4, 64, 96, 3), 90, np.uint8), 30.0)
    (root / "rgb" / "c.avi").write_bytes(b"broken")
    np.save(root / "c.npy", np.zeros((20, 6)))
    table = "sample,label,subject,rgb,inertial\na,wave,1,rgb/a.avi,\nb,wave,2,rgb/b.avi,\nc,clap,2,rgb/c.avi,c.npy\n"
    (root / "manifest.csv").write_text(table)
    return root


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_manifest_is_never_prepared_onto_itself(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _content(own)
    assert main(["prepare", "manifest", str(own / "manifest.csv"), "--out", str(own)]) == 2
    assert "is itself the manifest.csv of" in capsys.readouterr().err
    assert _content(own) == before


@pytest.mark.parametrize("name", ["manifest.csv", "classes.txt", "problems.csv", "rgb"])
def test_files_of_others_are_not_replaced(own: Path, name: str) -> None:
    (own / "manifest.csv").rename(own / "clips.csv")
    for other in ("rgb", "c.npy"):
        (own / "elsewhere").mkdir(exist_ok=True)
        shutil.move(own / other, own / "elsewhere" / other)
    (own / "clips.csv").write_text((own / "clips.csv").read_text().replace("rgb/", "elsewhere/rgb/"))
    (own / name).write_text("wave\nclap\n")
    before = _content(own)
    with pytest.raises(ValueError, match=f"holds a {name} that prepare did not write: give another out folder"):
        prepare("manifest", own / "clips.csv", own)
    assert _content(own) == before


def test_a_repaired_recording_comes_back(own: Path, tmp_path: Path) -> None:
    report = prepare("manifest", own / "manifest.csv", tmp_path / "out", short_side=32)
    assert [(problem.sample, problem.modality) for problem in report.problems] == [("c", "rgb")]
    assert "rgb" not in read_manifest(report.manifest).rows[2].files
    shutil.copy(own / "rgb" / "a.avi", own / "rgb" / "c.avi")
    report = prepare("manifest", own / "manifest.csv", tmp_path / "out", short_side=32)
    assert report.problems == ()
    assert read_manifest(report.manifest).rows[2].files.keys() == {"rgb", "inertial"}


def test_facts_of_a_clip_that_cannot_be_read_for_a_while_are_kept(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    for clip in ("one", "two"):
        (raw / "wave" / clip).mkdir(parents=True)
        np.save(raw / "wave" / clip / "inertial.npy", np.ones((9, 6)))
    manifest = prepare("folder", raw, out).manifest
    manifest.write_text(manifest.read_text().replace("wave_two,wave,,,,,", "wave_two,wave,anna,,,test,"))
    content = (raw / "wave" / "two" / "inertial.npy").read_bytes()
    for now, clips in ((b"broken", 1), (b"broken", 1), (content, 2)):
        (raw / "wave" / "two" / "inertial.npy").write_bytes(now)
        assert prepare("folder", raw, out).num_clips == clips
    assert [(row.subject, row.split) for row in read_manifest(manifest).rows] == [("", ""), ("anna", "test")]
    (out / "progress" / "facts.json").write_text("[]")
    with pytest.raises(ValueError, match=r"facts\.json is damaged or was edited"):
        prepare("folder", raw, out)


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        ("./a", r"has sample 'a' and '\./a': give every clip its own name"),
        ("x/..//a", r"has sample 'a' and 'x/\.\.//a': give every clip its own name"),
        ("a/", "has sample 'a' and 'a/': give every clip its own name"),
        ("../a", r"sample '\.\./a' would be written outside of"),
        ("/a", "sample '/a' would be written outside of"),
    ],
)
def test_two_samples_never_share_a_file(own: Path, tmp_path: Path, sample: str, sentence: str) -> None:
    (own / "manifest.csv").write_text(f"sample,label,rgb\na,wave,rgb/a.avi\n{sample},clap,rgb/b.avi\n")
    with pytest.raises(ValueError, match=sentence):
        prepare("manifest", own / "manifest.csv", tmp_path / "out")


def test_what_was_written_into_an_earlier_manifest_is_kept(tmp_path: Path) -> None:
    _touch(tmp_path, "a/c1/rgb.avi", "a/c2/rgb.avi")
    rows, _ = index_folder(tmp_path, ["rgb"])
    manifest = tmp_path / "manifest.csv"
    assert keep_facts(rows, tmp_path) == rows
    write_manifest(manifest, rows[:1], ["a"])
    manifest.write_text(manifest.read_text().replace("a_c1,a,,,,,", "a_c1,a,anna,front,lab,test,"))
    kept, new = keep_facts(rows, tmp_path)
    assert (kept.subject, kept.camera, kept.setup, kept.split) == ("anna", "front", "lab", "test")
    assert kept.files == rows[0].files
    assert new == rows[1]
    _touch(tmp_path, "splits/train/a/c1/rgb.avi")
    (moved,), _ = index_folder(tmp_path / "splits", ["rgb"])
    write_manifest(manifest, [moved], ["a"])
    manifest.write_text(manifest.read_text().replace(",train,", ",test,"))
    assert [row.split for row in keep_facts([moved], tmp_path)] == ["train"], "folders go before"

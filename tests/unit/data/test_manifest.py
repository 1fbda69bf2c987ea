"""Manifests: the CSV and back, its checks, and the division into train, val and test."""

import dataclasses
from pathlib import Path

import pytest

from actionmae.data.manifest import ClipRow, Manifest, read_manifest, write_manifest
from actionmae.data.natural_order import natural_key
from actionmae.data.splits import split_manifest, split_rows
from helpers.rows import clip_row


def _csv(folder: Path, text: str, files: tuple[str, ...] = ("a.avi", "b.avi")) -> Path:
    for name in files:
        (folder / name).touch()
    (folder / "manifest.csv").write_text(text)
    return folder / "manifest.csv"


def _rows(folder: Path) -> list[ClipRow]:
    (folder / "raw").mkdir()
    rows = []
    for index, subject in enumerate("12345678"):
        files = {"depth": folder / "raw" / f"{index}.mkv", "ir": folder / "raw" / f"{index}.avi"}
        for file in files.values():
            file.touch()
        if index == 2:
            del files["ir"]
        rows.append(clip_row(sample=f"s{index}", label="ab"[index % 2], subject=subject, camera="1", files=files))
    return rows


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    rows = _rows(tmp_path)
    write_manifest(tmp_path / "out" / "manifest.csv", rows, ["b", "a", "c"])
    manifest = read_manifest(tmp_path / "out" / "manifest.csv")
    assert manifest.classes == ("b", "a", "c")
    assert manifest.modalities == ("depth", "ir")
    assert [row.sample for row in manifest.rows] == [row.sample for row in rows]
    assert "ir" not in manifest.rows[2].files
    assert manifest.rows[0].files["depth"].path.samefile(rows[0].files["depth"].path)
    assert "s0,b" not in (tmp_path / "out" / "manifest.csv").read_text()
    assert "../raw/0.mkv" in (tmp_path / "out" / "manifest.csv").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["classes.txt", "manifest.csv"]


def test_a_manifest_moves_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    _csv(tmp_path / "one", "sample,label,rgb\nx,wave,a.avi\n")
    (tmp_path / "one").rename(tmp_path / "two")
    row = read_manifest(tmp_path / "two" / "manifest.csv").rows[0]
    assert row.files["rgb"].path == tmp_path / "two" / "a.avi"
    assert (row.subject, row.split) == ("", "")


def test_classes_without_a_list_are_in_natural_order(tmp_path: Path) -> None:
    path = _csv(tmp_path, "sample,label,rgb\nx,a10,a.avi\ny,a2,b.avi\nz,,a.avi\n")
    assert read_manifest(path).classes == ("a2", "a10")
    assert sorted(["a10", "b", "a2", "10", "9"], key=natural_key) == ["a2", "a10", "b", "9", "10"]
    assert sorted(["m②", "m1²", "m1", "m٣"], key=natural_key) == ["m1", "m1²", "m٣", "m②"], "② counts nothing"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("sample,rgb\nx,a.avi\n", "has no column 'label'"),
        ("sample,label\nx,wave\n", "has no modality column"),
        ("sample,label,rgb,rgb\nx,wave,a.avi,b.avi\n", "has column 'rgb' twice"),
        ("sample,label,subjct,rgb\nx,wave,1,a.avi\n", "has a column 'subjct': did you mean 'subject'"),
        ("sample,label,my camera 1,rgb\nx,wave,1,a.avi\n", "has a column 'my camera 1': name it like a modality"),
        ("sample,label,rgb\n", "has no rows"),
        ("sample,label,rgb\n,wave,a.avi\n", r"has a row without a sample name \(label wave, rgb a\.avi\)"),
        (
            "sample,label,rgb\nx,wave,a,1.avi\n",
            "line 2 of manifest .* has more cells than the 3 columns .*: quote names",
        ),
        ("sample,label,rgb\nx,wave,a.avi\nx,wave,b.avi\n", "has sample 'x' twice"),
        ("sample,label,rgb\nx,wave,\n", "sample 'x' in .* has no file in any modality"),
        ("sample,label,split,rgb\nx,wave,training,a.avi\n", "has split 'training': write train, val, test or nothing"),
    ],
)
def test_broken_manifests_are_refused(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read_manifest(_csv(tmp_path, text))


def test_spreadsheets_of_all_languages_are_read(tmp_path: Path) -> None:
    plain = read_manifest(_csv(tmp_path, "sample,label,subject,rgb\nÄnne 1,Gruß,ä,a.avi\ny,b,,\n"), check_files=False)
    for separator in ",;\t":
        lines = ("sample,label ,subject, rgb", "Änne 1, Gruß ,ä,a.avi", ",,,", "y,b,,")
        text = "\r\n".join(line.replace(",", separator) for line in lines)
        (tmp_path / "manifest.csv").write_bytes(text.encode("utf-8-sig"))
        assert read_manifest(tmp_path / "manifest.csv", check_files=False) == plain
    (tmp_path / "manifest.csv").write_bytes("sample,label,rgb\nx,Gruß,a.avi\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"manifest\.csv is no UTF-8 text \(byte 22\): save it again as UTF-8"):
        read_manifest(tmp_path / "manifest.csv")


def test_cells_may_leave_the_folder(tmp_path: Path) -> None:
    """Absolute paths, links, spaces, other alphabets, upper-case endings."""
    (tmp_path / "Öffentlich 1").mkdir()
    far = tmp_path / "Öffentlich 1" / "日本 a.AVI"
    far.touch()
    (tmp_path / "link.avi").symlink_to(far)
    text = f"sample,label,rgb\nx,w,{far}\ny,w,link.avi\nz,w,Öffentlich 1/日本 a.AVI\n"
    rows = read_manifest(_csv(tmp_path, text)).rows
    assert all(row.files["rgb"].path.samefile(far) for row in rows)
    write_manifest(tmp_path / "again" / "m.csv", rows, ["w"])
    assert all(row.files["rgb"].path.samefile(far) for row in read_manifest(tmp_path / "again" / "m.csv").rows)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.csv does not exist: give a CSV"):
        read_manifest(tmp_path / "none.csv")
    path = _csv(tmp_path, "sample,label,rgb\nx,wave,gone.avi\n")
    with pytest.raises(FileNotFoundError, match=r"rgb of sample 'x' in .* does not exist: .*gone\.avi"):
        read_manifest(path)
    assert len(read_manifest(path, check_files=False).rows) == 1


def test_class_lists_are_checked(tmp_path: Path) -> None:
    path = _csv(tmp_path, "sample,label,rgb\nx,wave,a.avi\n")
    (tmp_path / "classes.txt").write_text("waves\nclap\n")
    with pytest.raises(ValueError, match=r"label 'wave' of sample 'x' .*did you mean 'waves'"):
        read_manifest(path)
    (tmp_path / "classes.txt").write_text("wave\nwave\n")
    with pytest.raises(ValueError, match="names class 'wave' twice"):
        read_manifest(path)


def test_nothing_to_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are no clips to write"):
        write_manifest(tmp_path / "manifest.csv", [], ["a"])


def test_required_modalities(tmp_path: Path) -> None:
    manifest = read_manifest(_csv(tmp_path, "sample,label,depth\nx,wave,a.avi\n"))
    manifest.require(["depth"])
    with pytest.raises(ValueError, match=r"has no column 'depht' \(did you mean 'depth'\?\): its modalities"):
        manifest.require(["depht"])


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rows = [dataclasses.replace(row, label="throw") for row in _rows(tmp_path)]  # which every data set has
    write_manifest(tmp_path / "m" / "manifest.csv", rows, ["throw"])
    return read_manifest(tmp_path / "m" / "manifest.csv")


def test_protocol_with_validation_subjects(manifest: Manifest) -> None:
    splits = split_manifest(manifest, "utd_mhad/cross-subject", ["7"])
    assert [row.subject for row in splits.train] == ["1", "3", "5"]
    assert [row.subject for row in splits.val] == ["7"]
    assert [row.subject for row in splits.test] == ["2", "4", "6", "8"]


def test_own_split_column(tmp_path: Path) -> None:
    text = "sample,label,subject,split,rgb\nx,w,1,train,a.avi\ny,w,2,train,a.avi\nz,w,3,val,b.avi\nq,w,4,test,b.avi\n"
    manifest = read_manifest(_csv(tmp_path, text))
    splits = split_manifest(manifest, "split", ["2"])
    names = [[row.sample for row in part] for part in (splits.train, splits.val, splits.test)]
    assert names == [["x"], ["z", "y"], ["q"]]


def test_clips_that_are_only_tested_need_no_others(tmp_path: Path) -> None:
    manifest = read_manifest(_csv(tmp_path, "sample,label,split,rgb\nx,w,test,a.avi\n"))
    assert split_rows(manifest, protocol="split", split="test") == manifest.rows
    undivided = read_manifest(_csv(tmp_path, "sample,label,rgb\nx,w,a.avi\n"))
    with pytest.raises(ValueError, match=r"csv has no split column: let split be all, or choose a protocol"):
        split_rows(undivided, protocol="split", split="test")


def test_impossible_divisions_are_refused(manifest: Manifest) -> None:
    with pytest.raises(ValueError, match="unknown protocol 'utd_mhad/cross-subjects' \\(did you mean 'utd_mhad/cross-"):
        split_manifest(manifest, "utd_mhad/cross-subjects")
    with pytest.raises(ValueError, match="validation subject '2' is no training subject: choose from 1, 3, 5, 7"):
        split_manifest(manifest, "utd_mhad/cross-subject", ["2"])
    with pytest.raises(ValueError, match=r"every training subject of .* is held out: hold out fewer"):
        split_manifest(manifest, "utd_mhad/cross-subject", ["1", "3", "5", "7"])
    with pytest.raises(ValueError, match=r"sample 's0' in .* has no split: write train, val or test"):
        split_manifest(manifest, "split")
    with pytest.raises(ValueError, match="has no setup: protocol 'ntu/cross-setup' needs this column"):
        split_manifest(manifest, "ntu/cross-setup")

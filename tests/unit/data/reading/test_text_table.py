"""Signals in texts, some columns of them, with the times in the same text."""

from pathlib import Path

import numpy as np
import pytest

from actionmae.core.modality import resolve
from actionmae.data.reading.readers import open_reader

SIGNAL = resolve({"name": "inertial", "shape": [3, 8]})
FEATURES = resolve({"name": "audio", "letter": "A", "kind": "features", "shape": [3], "value": "raw", "encoder": "x"})
JOINTS = resolve({"name": "skeleton", "shape": [1, 1, 3], "mirror": None})
VALUES = [[1.5, 2, 3], [4, 5, 6], [-7, 8, 9e-3]]

TEXTS = {
    "acc.csv": "1.5,2,3\n4,5,6\n-7,8,9e-3\n",
    "acc.txt": "1.5 2 3\n  4   5   6\n-7 8 9e-3\n",
    "acc.tsv": "x\ty\tz\n1.5\t2\t3\n4\t5\t6\n-7\t8\t0.009\n",
    "acc.csv[1-3]@0:ms": "100,1.5,2,3\n120,4,5,6\n140,-7,8,9e-3\n",
    "acc.csv[x,y,z]@t:ms": "t,x,y,z,temperature\n100,1.5,2,3,20\n120,4,5,6,20\n140,-7,8,9e-3,20\n",
    "acc.csv@t:ms": '"t","x","y","z"\n100,"1.5",2,3\n120,4,5,6\n140,-7,8,9e-3\n',
    "acc.csv[X, y,2]@Time (ms)": "x;y;z;time (ms)\n1,5;2;3;100\n4;5;6;120\n-7;8;0,009;140\n",
    "acc.log[x,y,z]": "# from the watch\n# z y x name\n3 2 1.5 a\n6 5 4 b\n9e-3 8 -7 c\n",
    "acc.tsv[x,y,z]@t:ms": "\tt\tx\ty\tz\t\n\t100\t1.5\t2\t3\na\t120\t4\t5\t6\t\n\t140\t-7\t8\t9e-3\n\t\t\n",
    "acc.tsv[1-3]@0:ms": "100\t1.5\t2\t3\n120\t4\t5\t6\n 140\t-7\t8\t9e-3\n",
    "acc.txt[x,y,z]": "\t# indented\n\tx y z\n\t1.5 2 3\n\t4 5 6\n\t-7 8 9e-3\n",
    "acc.csv@t": "name,t,x,y,z\na,0.1,1.5,2,3\nb,0.12,4,5,6\nc,0.14,-7,8,9e-3\n",
}


@pytest.mark.parametrize("spec", [SIGNAL, FEATURES, JOINTS], ids=lambda spec: spec.kind)
@pytest.mark.parametrize("cell", TEXTS)
def test_columns_of_texts_are_recordings(tmp_path: Path, cell: str, spec: object) -> None:
    (tmp_path / cell.partition("[")[0].partition("@")[0]).write_text(TEXTS[cell])
    reader = open_reader(tmp_path / cell, spec)
    expected = np.array(VALUES)
    np.testing.assert_allclose(reader.read(range(3)).reshape(3, 3), expected)
    if "@" in cell:
        np.testing.assert_allclose(reader.times, [0.1, 0.12, 0.14])
    else:
        assert reader.times is None


def test_a_text_may_be_cut_by_its_own_times(tmp_path: Path) -> None:
    (tmp_path / "acc.csv").write_text("t_ms,x,y,z\n" + "".join(f"{20 * at},{at},0,0\n" for at in range(50)))
    reader = open_reader(tmp_path / "acc.csv[x,y,z]#0.2s-0.4s@t_ms", SIGNAL)
    assert reader.read(range(reader.num_frames))[:, 0].tolist() == list(range(10, 20))


BAD = {
    "acc.csv": r"gives 4 columns, inertial needs 3: choose some of the columns t, x, y, z, as in acc\.csv\[x,y,z\]@t",
    "acc.csv[x]": "gives 1 column, inertial needs 3",
    "acc.csv[x,y]": "gives 2 columns, inertial needs 3",
    "acc.csv[x,y,w]": r"acc\.csv has no column 'w': it has the columns t, x, y, z",
    "acc.csv[1-9]": "has no column '9'",
    "acc.csv[x,y,z]@time": "has no column 'time'",
    "acc.csv[x,y,z]@t": "counts 20 from frame to frame without saying of what",
    "bad.csv[x,y,z]": "has a line without a number in each column .*'lost'",
    "gap.tsv[x,y,z]": r"gap\.tsv has a line without a number in each column \(could not convert string to float: ''\)",
    "nan.csv[x,y,z]": "has NaN or infinite values in frame 1",
    "text.csv": "gives 0 columns, inertial needs 3|is empty",
}


@pytest.mark.parametrize("cell", BAD)
def test_what_a_text_does_not_hold(tmp_path: Path, cell: str) -> None:
    (tmp_path / "acc.csv").write_text("t,x,y,z\n0,1,2,3\n20,4,5,6\n40,7,8,9\n")
    (tmp_path / "bad.csv").write_text("t,x,y,z\n0,1,2,3\n20,4,lost,6\n")
    (tmp_path / "gap.tsv").write_text("x\ty\tz\tt\n1\t2\t3\t0\n\t4\t5\t20\n")
    (tmp_path / "nan.csv").write_text("t,x,y,z\n0,1,2,3\n20,4,nan,6\n")
    (tmp_path / "text.csv").write_text("a,b\nc,d\n")
    with pytest.raises(ValueError, match=BAD[cell]):
        open_reader(tmp_path / cell, SIGNAL)


def test_a_text_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "acc.csv").write_text("1,2,3\n")
    with pytest.raises(ValueError, match=r"acc\.csv cannot be opened as a video"):
        open_reader(tmp_path / "acc.csv", resolve("rgb"))

"""The guide's example: videos of 30 and 35 frames a second with logs, from the data set's own list to predictions."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from actionmae.cli import main
from actionmae.core.modality import ModalitySet
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.manifest import read_manifest
from actionmae.data.prepare.video_writer import write_color_video, write_gray_video

GUIDE = Path(__file__).parents[2] / "docs/how_to/several_clocks.md"
CLIPS = [(f"class_{label:02}", f"subject{who}_r{take}") for label in (1, 2) for who in (1, 2, 3) for take in (0, 1)]
KINECT, DUO = 5000 + np.arange(120) / 30, 4999.2 + np.arange(160) / 35
"""Seconds at which the two cameras took their frames."""
RANGES = {"sk": (40, 100), "duo": (60, 145)}
"""Frames of the gesture, the end not included: from 5001.33 s and from 5000.91 s until 5003.3 s."""
FRAMES = 8


def block(language: str, word: str) -> str:
    """The guide's only block of this language with this word."""
    text = GUIDE.read_text(encoding="utf-8")
    (found,) = (each for each in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S) if word in each)
    return str(found)


def clock_images(times: NDArray[np.float64]) -> NDArray[np.uint8]:
    """[n, 24, 24] whose upper half shows tenths of a second since 4999 s, the lower half milliseconds within them."""
    tenths, rest = np.divmod(np.rint(1000 * (times - 4999)), 100)
    images = np.repeat(np.stack([4 * tenths, 2 * rest], axis=1), 12, axis=1)
    images = np.tile(images[:, :, None], (1, 1, 24)).astype(np.uint8)
    images[:, :12, 16:], images[:, 12:, 16:] = 255, 0  # no image is flat
    return images


def clock_times(images: NDArray[Any]) -> NDArray[np.float64]:
    """Seconds that [T, c, 24, 24] show."""
    tenths, rest = np.rint(images[:, 0, 2, 4] / 4), images[:, 0, 21, 4] / 2
    return 4999 + 0.1 * tenths + 0.001 * rest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set as it unpacks, and the guide's script run beside it."""
    top = tmp_path_factory.mktemp("gestures")
    root = top / "nvGesture_v1"
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for label, name in CLIPS:
        clip = root / "Video_data" / label / name
        clip.mkdir(parents=True)
        for video, times in {"sk_color": KINECT, "sk_depth": KINECT, "duo_left": DUO, "duo_right": DUO}.items():
            images = clock_images(times)
            if video == "sk_color":
                write_color_video(clip / "sk_color.avi", np.repeat(images[..., None], 3, axis=3), 30.0)
            else:
                write_gray_video(clip / f"{video}.avi", images, 30.0)  # the headers of the 35 fps say 30, too
            log = "".join(f"img{at:05}.png {round(1e9 * time)}\n" for at, time in enumerate(times))
            (clip / f"{video}_log.txt").write_text(log)
        (kinect, duo) = (f"{start}:{end}" for start, end in RANGES.values())
        lines["test" if "subject3" in name else "train"].append(
            f"path:./Video_data/{label}/{name} depth:sk_depth:{kinect} color:sk_color:{kinect} "
            f"duo_left:duo_left:{duo} label:{int(label[-2:])}\n"
        )
    for split, text in lines.items():
        (root / f"nvgesture_{split}_correct_cvpr2016_v2.lst").write_text("".join(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        exec(block("python", "nvGesture"), {})
    return root


@pytest.fixture(scope="module")
def modalities() -> list[Any]:
    """The guide's, with small images."""
    given = yaml.safe_load(block("yaml", "nvGesture_v1/modalities.yaml"))
    small = {"num_frames": FRAMES, "encoder": "grid_cnn"}
    specs = [({"name": each} if isinstance(each, str) else each) | small for each in given]
    return [spec | {"shape": [3 if spec["name"] == "rgb" else 1, 20, 20]} for spec in specs]


def test_the_manifest_is_sound(folder: Path, modalities: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "modalities.yaml").write_text(yaml.safe_dump(modalities))
    assert main(["check", str(folder / "manifest.csv")]) == 0
    assert "12 clips" in (text := capsys.readouterr().out)
    assert "0 errors, 0 warnings" in text


@pytest.mark.parametrize("train", [False, True])
def test_all_cameras_show_one_moment(folder: Path, modalities: list[Any], train: bool) -> None:
    """There are moments of which every camera gives a frame taken at most half a frame before or after."""
    manifest = read_manifest(folder / "manifest.csv")
    clips = ClipDataset(manifest.rows, manifest.classes, ModalitySet(modalities), train=train)[0].clips
    halves = {"rgb": 1 / 60, "depth": 1 / 60, "ir": 1 / 70, "right": 1 / 70}
    times = {name: clock_times(clips[name].numpy()) for name in halves}
    earliest = np.max([times[name] - half for name, half in halves.items()], axis=0)
    latest = np.min([times[name] + half for name, half in halves.items()], axis=0)
    assert (earliest <= latest + 0.002).all(), times
    assert earliest.min() > KINECT[RANGES["sk"][0]] - 0.05, "not before both have begun"
    assert np.ptp(times["rgb"]) > 1


def test_models_are_trained_scored_and_used(
    folder: Path, modalities: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {"embed_dim": 16, "num_heads": 2, "mlp_dim": 32, "time_depth": 1, "fusion_depth": 1, "action_mae": True}
    config = {
        "data": {"manifest": str(folder / "manifest.csv"), "modalities": modalities, "batch_size": 4},
        "model": model | {"mae_depth": 1},
        "method": {"name": "action_mae"},
        "optim": {"epochs": 1},
        "device": "cpu",
        "engine": {"progress": False, "threads": 1},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    run = tmp_path / "run"
    assert main(["train", "--config", str(tmp_path / "config.yaml"), "--run", str(run)]) == 0
    assert json.loads((run / "robustness.json").read_text())["rows"][0]["n"] == 4
    row = read_manifest(folder / "manifest.csv").rows[-1]
    cells = [f"{name}={row.files[name]}" for name in ("rgb", "ir")]
    capsys.readouterr()
    assert main(["predict", str(run / "model"), *cells, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["available"], said["missing"]) == (["rgb", "ir"], ["depth", "right"])
    assert {each["name"] for each in said["classes"]} == {"1", "2"}

"""Every command block of the README runs, offline and small; later blocks use what earlier ones left behind."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from actionmae.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL_DEMO = ["--clips", "24", "--epochs", "1", "--frame_size", "32"]
SMALL_TRAINING = ["--optim.epochs", "1", "--model.space_encoder", "test_resnet", "--model.embed_dim", "32"]
SMALL_TRAINING += ["--model.mlp_dim", "32", "--engine.progress", "false", "--data.protocol", "ntu/cross-subject"]
SMALL_TRAINING += [
    "--data.modalities",
    "[{name: rgb, shape: [3, 32, 32], num_frames: 4}, {name: ir, shape: [3, 32, 32], num_frames: 4}]",
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def after_the_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the demo ran, small; also the working directory."""
    folder = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["demo", *SMALL_DEMO]) == 0
        yield folder


def test_make_targets_exist() -> None:
    targets = re.findall(r"\bmake ([a-z]+)", "\n".join(blocks("bash")))
    assert {"demo", "install"} <= set(targets)
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
    demo = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "actionmae demo" in demo.stdout


def test_the_python_block_runs(after_the_demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks("python")
    clip = next(after_the_demo.glob("runs/demo/**/*_rgb.avi"))
    exec(block.replace("clip_rgb.avi", str(clip)), {})
    assert re.fullmatch(r".+ 0\.\d+\n", capsys.readouterr().out)


def test_own_recordings_blocks_run(after_the_demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = next(after_the_demo.glob("runs/demo/**/manifest.csv"))
    clip = next(after_the_demo.glob("runs/demo/**/*_rgb.avi"))
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("actionmae ")]
    assert [command.split()[1] for command in commands] == ["train", "predict"]
    for command in commands:
        command = command.replace("recordings/manifest.csv", str(manifest)).replace("new_clip.mp4", str(clip))
        words = shlex.split(command)[1:]
        assert main([*words, *(SMALL_TRAINING if words[0] == "train" else [])]) == 0
    assert "%" in capsys.readouterr().out

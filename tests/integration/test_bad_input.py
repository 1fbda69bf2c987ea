"""Everything that users get wrong ends with exit code 2 and one sentence: what was given, what is allowed, what to do.

Each case spoils a world in which everything fits, so that nothing but its own mistake can be the reason.
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from actionmae.cli import main
from actionmae.nn import ClassifierConfig, build_classifier, save_model
from actionmae.nn.checkpoint import ModelConfig
from helpers.tiny_models import KINDS, WIDTH, kinds
from helpers.tiny_recordings import CLASSES, write_recordings


@dataclass(frozen=True)
class World:
    """Recordings with sound, a model that reads rgb, skeleton and sound, and settings to train on them."""

    tmp: Path

    @property
    def manifest(self) -> Path:
        return self.tmp / "data" / "manifest.csv"

    @property
    def model(self) -> Path:
        return self.tmp / "model"

    def edit(self, old: str, new: str) -> None:
        text = self.manifest.read_text(encoding="utf-8")
        assert old in text
        self.manifest.write_text(text.replace(old, new, 1), encoding="utf-8")

    def video(self) -> Path:
        path = self.tmp / "clip.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
        for _ in range(12):
            writer.write(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))
        writer.release()
        return path

    def save(self, name: str, array: np.ndarray) -> str:
        np.save(self.tmp / name, array)
        return str(self.tmp / name)

    def text(self, name: str, text: str) -> str:
        path = self.tmp / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def config(self, *, signed: bool = False, **changes: object) -> None:
        """Edit the model's config.json; with `signed` as somebody would who also computes its SHA-256."""
        path = self.model / "config.json"
        config = json.loads(path.read_text()) | changes
        if signed:
            fields = {field.name for field in dataclasses.fields(ModelConfig)}
            known = ModelConfig(**{name: value for name, value in config.items() if name in fields})
            config["sha256"]["config"] = known.digest()
        path.write_text(json.dumps(config))

    def train(self, *words: str) -> list[str]:
        return ["train", "--config", str(self.tmp / "settings.yaml"), "--run", str(self.tmp / "run"), *words]

    def evaluate(self, *words: str) -> list[str]:
        return ["evaluate", str(self.model), str(self.manifest), "--device", "cpu", *words]

    def predict(self, *words: str) -> list[str]:
        return ["predict", str(self.model), *words]


@pytest.fixture(scope="module")
def fitting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("fitting")
    write_recordings(folder / "data")
    model = build_classifier(
        kinds(), classes=CLASSES, config=ClassifierConfig(**WIDTH, fusion_depth=1, action_mae=True)
    )
    save_model(model, folder / "model")
    settings = {
        "data": {"manifest": "", "modalities": [KINDS[2]], "batch_size": 24},
        "model": {**WIDTH, "fusion_depth": 1, "action_mae": True},
        "method": {"name": "action_mae"},
        "optim": {"epochs": 1},
        "device": "cpu",
        "engine": {"progress": False, "threads": 1},
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture
def world(fitting: Path, tmp_path: Path) -> World:
    shutil.copytree(fitting, tmp_path / "w")
    here = World(tmp_path / "w")
    settings = yaml.safe_load((here.tmp / "settings.yaml").read_text())
    settings["data"]["manifest"] = str(here.manifest)
    (here.tmp / "settings.yaml").write_text(yaml.safe_dump(settings))
    return here


Spoil = Callable[[World], list[str]]
CASES: dict[str, tuple[Spoil, str]] = {}


def case(name: str, sentence: str) -> Callable[[Spoil], Spoil]:
    """Register a mistake; it returns the command's words."""

    def add(spoil: Spoil) -> Spoil:
        assert name not in CASES
        CASES[name] = (spoil, sentence)
        return spoil

    return add


def words(name: str, sentence: str, spoil: Spoil) -> None:
    """Register a mistake that is all in the words."""
    case(name, sentence)(spoil)


# The manifest
words(
    "no manifest",
    r"manifest nowhere\.csv does not exist: give a CSV",
    lambda w: w.train("--data.manifest", "nowhere.csv"),
)


@case("no recording", r"sound of sample 'clip0' in .* does not exist: .*clip0_sound\.npy")
def _(w: World) -> list[str]:
    (w.manifest.parent / "clip0_sound.npy").unlink()
    return w.train()


@case(
    "label not in classes.txt", r"label 'wawe' of sample 'clip2' .* is not in .*classes\.txt \(did you mean 'wave'\?\)"
)
def _(w: World) -> list[str]:
    w.edit("clip2,wave", "clip2,wawe")
    return w.train()


@case("clip without modality", r"sample 'clip0' in .* has no file in any modality: fill a cell or remove the row")
def _(w: World) -> list[str]:
    w.edit("clip0_inertial.npy,clip0_sound.npy", ",")
    return w.train()


@case("no label", r"sample 'clip2' in .* has no label: write its class name, or remove the row")
def _(w: World) -> list[str]:
    w.edit("clip2,wave", "clip2,")
    return w.train()


@case("misspelt column", r"has a column 'lable': did you mean 'label'\?")
def _(w: World) -> list[str]:
    w.edit("label", "lable")
    return w.train()


@case("duplicate sample", r"has sample 'clip1' twice: give every clip its own name")
def _(w: World) -> list[str]:
    w.edit("clip2,", "clip1,")
    return w.train()


@case("modality without column", r"has no column 'smell': its modalities are inertial, sound")
def _(w: World) -> list[str]:
    return w.train("--data.modalities", json.dumps([{**KINDS[2], "name": "smell"}]))


@case("no modality in common", r"they need a modality in common")
def _(w: World) -> list[str]:
    w.edit("inertial,sound", "sound2,touch")
    return w.evaluate()


@case("unknown class", r"clip 'clip24' has label 'clap', which is none of the model's 3 classes")
def _(w: World) -> list[str]:
    w.config(classes=["hop", "sit down", "wave"], signed=True)
    return w.evaluate()


words("unknown protocol", r"unknown protocol 'cross'|protocol 'cross'", lambda w: w.evaluate("--protocol", "cross"))
words("unknown split", "split", lambda w: w.evaluate("--split", "tset"))
words(
    "unknown subject", r"validation subject '9' is no training subject", lambda w: w.train("--data.val_subjects", "[9]")
)


# The model folder
words(
    "no model folder",
    r"nowhere is no model folder, it has no config\.json",
    lambda w: ["predict", "nowhere", "sound=a.npy"],
)


@case("no weights", r"is no model folder, it has no model\.safetensors")
def _(w: World) -> list[str]:
    (w.model / "model.safetensors").unlink()
    return w.evaluate()


@case("newer format", r"has format version 99, this actionmae reads 1 to 2: upgrade actionmae")
def _(w: World) -> list[str]:
    w.config(format_version=99)
    return w.evaluate()


@case("config is no JSON", r"config\.json is damaged \(.+\): let `actionmae train` write it again")
def _(w: World) -> list[str]:
    (w.model / "config.json").write_text("{")
    return w.evaluate()


@case("config is a list", r"config\.json is damaged or was edited \(Expected `object`, got `array`\)")
def _(w: World) -> list[str]:
    (w.model / "config.json").write_text("[1]")
    return w.evaluate()


@case("format is a word", r"config\.json is damaged or was edited \(Expected `int`, got `str`")
def _(w: World) -> list[str]:
    w.config(format_version="new")
    return w.evaluate()


@case("architecture of another model", r"unknown model field 'depth'")
def _(w: World) -> list[str]:
    w.config(config={"depth": 3}, signed=True)
    return w.evaluate()


@case("other classes than weights", r"model\.safetensors is damaged or does not belong to its config\.json")
def _(w: World) -> list[str]:
    w.config(classes=["clap", "wave"], signed=True)
    return w.evaluate()


@case("edited config", r"config\.json was edited after it was saved \(its SHA-256 differs\)")
def _(w: World) -> list[str]:
    w.config(classes=["wave", "sit down", "clap"])
    return w.evaluate()


@case("NaN weights", r"has NaN or infinite values: it cannot predict; train again")
def _(w: World) -> list[str]:
    path = w.model / "model.safetensors"
    state = load_file(path)
    broken = {name: value.float() * torch.nan if value.is_floating_point() else value for name, value in state.items()}
    save_file(broken, path)
    config = json.loads((w.model / "config.json").read_text())
    config["sha256"]["weights"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (w.model / "config.json").write_text(json.dumps(config))
    return w.evaluate()


for _name, _classes in {"numbers": [1, 2, 3], "null": None, "a text": "abc", "a mapping": {"a": 1}}.items():

    @case(f"classes are {_name}", r"config\.json is damaged or was edited \(Expected `(array|str)`, got")
    def _(w: World, classes: object = _classes) -> list[str]:
        w.config(classes=classes)
        return w.evaluate()


@case(
    "model of another size", r"describes no model \(model\.embed_dim 1000000000, mlp_dim 24 .* weights: choose smaller"
)
def _(w: World) -> list[str]:
    config = json.loads((w.model / "config.json").read_text())["config"]
    w.config(config=config | {"embed_dim": 10**9}, signed=True)
    return w.evaluate()


@case("switch that is a word", r"describes no model \(Expected `bool`, got `str` - at `\$\.token_heads`\)")
def _(w: World) -> list[str]:
    config = json.loads((w.model / "config.json").read_text())["config"]
    w.config(config=config | {"token_heads": "no"}, signed=True)
    return w.evaluate()


words(
    "workers without end", r"num_workers is 1000000: this machine has", lambda w: w.evaluate("--num_workers", "1000000")
)


@case("unknown architecture", r"describes no model \(unknown architecture 'multimodel' \(did you mean 'multimodal'\?\)")
def _(w: World) -> list[str]:
    w.config(architecture="multimodel", signed=True)
    return w.evaluate()


@case("damaged weights", r"model\.safetensors is damaged or does not belong to its config\.json")
def _(w: World) -> list[str]:
    weights = w.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    return w.evaluate()


@case("damaged weights to start from", r"model\.safetensors is damaged|does not belong")
def _(w: World) -> list[str]:
    weights = w.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    return w.train("--init", f"[{w.model}]")


words("nothing to start from", r"nowhere is no model folder", lambda w: w.train("--init", "[nowhere]"))


# Recordings
@case("truncated video", r"clip\.avi.* (is cut off|cannot be (read|opened))")
def _(w: World) -> list[str]:
    path = w.video()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return w.predict(f"rgb={path}")


@case("text as video", r"clip\.mp4 cannot be opened as a video")
def _(w: World) -> list[str]:
    return w.predict("rgb=" + w.text("clip.mp4", "no video"))


@case("empty image folder", r"holds no images: give a folder of numbered")
def _(w: World) -> list[str]:
    (w.tmp / "frames").mkdir()
    return w.predict(f"rgb={w.tmp / 'frames'}")


@case("broken image", r"1\.png cannot be decoded: copy it again")
def _(w: World) -> list[str]:
    return w.predict("rgb=" + str(Path(w.text("frames/1.png", "no image")).parent))


@case("NaN joints", r"joints\.npy has NaN or infinite values in frame 2: repair the skeleton recording")
def _(w: World) -> list[str]:
    joints = np.ones((6, 25, 3), dtype=np.float32)
    joints[2, 4, 1] = np.nan
    return w.predict("skeleton=" + w.save("joints.npy", joints))


@case("nobody in the skeleton", r"joints\.npy holds no person in any frame")
def _(w: World) -> list[str]:
    return w.predict("skeleton=" + w.save("joints.npy", np.zeros((6, 2, 25, 3), dtype=np.float32)))


@case("broken skeleton text", r"s\.skeleton")
def _(w: World) -> list[str]:
    return w.predict("skeleton=" + w.text("s.skeleton", "2\n1\nnot numbers\n"))


@case("joints of another sensor", r"has shape \(6, 20, 3\): skeleton needs \(time, 25, 3\)")
def _(w: World) -> list[str]:
    return w.predict("skeleton=" + w.save("joints.npy", np.ones((6, 20, 3), dtype=np.float32)))


@case("features of another width", r"has shape \(9, 7\): sound needs \(time, 5\)")
def _(w: World) -> list[str]:
    return w.predict("sound=" + w.save("sound.npy", np.zeros((9, 7), dtype=np.float32)))


@case("no frames", r"sound\.npy has no frames: record or convert it again")
def _(w: World) -> list[str]:
    return w.predict("sound=" + w.save("sound.npy", np.zeros((0, 5), dtype=np.float32)))


@case("no array", r"sound\.npy cannot be read as a NumPy file")
def _(w: World) -> list[str]:
    return w.predict("sound=" + w.text("sound.npy", "hello"))


@case("broken recording while training", r"clip3_sound\.npy cannot be read as a NumPy file")
def _(w: World) -> list[str]:
    (w.manifest.parent / "clip3_sound.npy").write_text("hello")
    return w.train()


@case("broken recording in one of two processes", r"clip30_sound\.npy cannot be read as a NumPy file")
def _(w: World) -> list[str]:
    (w.manifest.parent / "clip30_sound.npy").write_text("hello")
    return w.evaluate("--num_devices", "2")


@case("broken recording in a worker", r"clip30_sound\.npy cannot be read as a NumPy file")
def _(w: World) -> list[str]:
    (w.manifest.parent / "clip30_sound.npy").write_text("hello")
    return w.evaluate("--num_workers", "1")


words(
    "form that nobody reads",
    r"cannot be read as sound \(features\): give a ",
    lambda w: w.predict(f"sound={w.tmp / 'settings.yaml'}"),
)


# Words
words(
    "unknown modality",
    r"unknown modality 'thermal': this model has rgb, skeleton, sound",
    lambda w: w.predict("thermal=a.npy"),
)
words("modality that is no input", r"unknown modality 'top'", lambda w: w.predict("top=a.npy"))
words("unknown modality in training", r"unknown modality 'sond'", lambda w: w.train("--data.modalities", "[sond]"))
words("no input", r"inputs", lambda w: w.predict())
words(
    "top 0",
    r"top is 0: give at least 1",
    lambda w: w.predict(f"sound={w.manifest.parent / 'clip0_sound.npy'}", "--top", "0"),
)
words(
    "unknown device",
    r"device is 'gpu': choose auto, cpu, cuda, cuda:1 \(the second GPU\) or mps",
    lambda w: w.predict("sound=a.npy", "--device", "gpu"),
)
words("unknown fusion", r"model\.fusion", lambda w: w.train("--model.fusion", "add"))
words("negative lr", r"optim\.lr is -1\.0: give a number above 0", lambda w: w.train("--optim.lr", "-1"))
words("lr that is a word", r"optim\.lr", lambda w: w.train("--optim.lr", "fast"))
words("unknown option", r"optim\.lrr", lambda w: w.train("--optim.lrr", "1"))
words("unknown device in evaluate", r"device is 'tpu2': choose auto", lambda w: w.evaluate("--device", "tpu2"))
words("unknown device in training", r"device is 'gpu': choose auto", lambda w: w.train("--device", "gpu"))
words(
    "several processes on one GPU",
    r"cuda:1 but num_devices is 2",
    lambda w: w.train("--device=cuda:1", "--num_devices=2"),
)
words(
    "heads that do not divide",
    r"embed_dim 16 is not divisible by num_heads 3",
    lambda w: w.train("--model.num_heads", "3"),
)
words(
    "encoder of another kind",
    r"encoder 'resnet18' cannot read modality 'sound'",
    lambda w: w.train("--model.encoders", "{sound: resnet18}"),
)
words(
    "no settings file", r"nowhere\.yaml", lambda w: ["train", "--config", "nowhere.yaml", "--run", str(w.tmp / "run")]
)


@case("settings that are no YAML", r".")
def _(w: World) -> list[str]:
    return ["train", "--config", w.text("bad.yaml", "data: [1,\n  2"), "--run", str(w.tmp / "run")]


@case("unknown setting in a file", r"epoch")
def _(w: World) -> list[str]:
    return w.train("--config", w.text("more.yaml", "optim:\n  epoch: 3\n"))


@case("setting given twice", r"more\.yaml cannot be read as YAML \(key 'lr' is given twice .* line 3")
def _(w: World) -> list[str]:
    return w.train("--config", w.text("more.yaml", "optim:\n  lr: 1\n  lr: 2\n"))


words("setting that is infinite", r"optim\.warmup_epochs is inf", lambda w: w.train("--optim.warmup_epochs", ".inf"))
words(
    "setting that is no number",
    r"weight_decay is nan: give a finite",
    lambda w: w.train("--optim.weight_decay", ".nan"),
)


@case("setting in a file that is infinite", r"optim\.warmup_epochs")
def _(w: World) -> list[str]:
    return w.train("--config", w.text("more.yaml", "optim: {warmup_epochs: .inf}\n"))


@case("group of settings that never ends", r"--data is .*pipe, which is no regular file")
def _(w: World) -> list[str]:
    os.mkfifo(w.tmp / "pipe")
    return w.train("--data", str(w.tmp / "pipe"))


@case("settings file that never ends", r"pipe does not exist: give a YAML file")
def _(w: World) -> list[str]:
    os.mkfifo(w.tmp / "pipe")
    return w.train("--config", str(w.tmp / "pipe"))


@case(
    "folder that is no run folder", r"holds notes\.txt and was not made by `actionmae train`: nothing in it is touched"
)
def _(w: World) -> list[str]:
    w.text("run/notes.txt", "mine")
    return w.train()


@case("run folder in use", r"run .* is finished: go on with --resume true, start again with --overwrite true")
def _(w: World) -> list[str]:
    w.text("run/run.lock", "")
    w.text("run/model/config.json", "{}")
    return w.train()


words("resume and overwrite", r"resume and overwrite were both given", lambda w: w.train("--resume", "--overwrite"))


def unscored(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clip is read."""

    def refuse(*_: object) -> None:
        raise AssertionError("a clip was read before the output was checked")

    monkeypatch.setattr("actionmae.data.loading.dataset.ClipDataset.__init__", refuse)


@pytest.mark.parametrize("verb", ["evaluate", "embed"])
def test_outputs_are_checked_first(
    verb: str, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unscored(monkeypatch)
    out = Path(world.text("file", "no folder")) / "out.npz"
    words = [verb, str(world.model), str(world.manifest), "--out", str(out)]
    assert main(words) == 2
    assert "cannot be written (Not a directory): choose another place" in capsys.readouterr().err


# Reports
@case("report of an empty folder", r"no scores at .*empty")
def _(w: World) -> list[str]:
    (w.tmp / "empty").mkdir()
    return ["report", str(w.tmp / "empty")]


@case("report of damaged scores", r"scores\.npz is not a scores file")
def _(w: World) -> list[str]:
    return ["report", str(Path(w.text("scored/scores.npz", "hello")).parent)]


words("no such verb", r"unknown verb 'evalute': choose one of", lambda w: ["evalute"])


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_one_sentence(name: str, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    spoil, sentence = CASES[name]
    command = spoil(world)
    capfd.readouterr()
    assert main(command) == 2
    said = capfd.readouterr().err.strip()
    assert len(said.splitlines()) == 1, said
    assert re.match("actionmae", said)
    assert re.search(sentence, said), said
    assert "Traceback" not in said


def test_the_unspoilt_world_works(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Otherwise every case above would prove nothing."""
    assert main(world.train("--score", "false")) == 0
    assert main(world.evaluate()) == 0
    clip = world.manifest.parent / "clip0_sound.npy"
    assert main(world.predict(f"sound={clip}", f"rgb={world.video()}")) == 0
    assert "from rgb + sound (missing: skeleton)" in capfd.readouterr().out

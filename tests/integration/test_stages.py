"""Methods in stages and with several optimisers: trained, killed, resumed, saved, scored."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from safetensors.torch import load_file

from actionmae.methods import MethodConfig, build_method, method_config
from actionmae.methods.config import METHODS, register_method
from actionmae.nn import ClassifierConfig, load_model
from actionmae.training.engine import EngineConfig
from actionmae.training.loaders import DataConfig
from actionmae.training.module import TrainingModule
from actionmae.training.optim import OptimConfig
from actionmae.training.settings import TrainSettings
from actionmae.training.train import train
from helpers.adversarial import AdversarialConfig
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings
from helpers.two_stages import TwoStagesConfig

TINY = ClassifierConfig(embed_dim=16, num_heads=2, mlp_dim=32, time_depth=1, fusion_depth=1, dropout=0.1)


@pytest.fixture(autouse=True)
def _methods() -> Iterator[None]:
    threads = torch.get_num_threads()
    register_method("two_stages", TwoStagesConfig, "helpers.two_stages:TwoStages")
    register_method("adversarial", AdversarialConfig, "helpers.adversarial:Adversarial")
    yield
    del METHODS["two_stages"], METHODS["adversarial"]
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"))


def run(manifest: Path, folder: Path, method: MethodConfig, *, epochs: int = 2, **options: bool) -> Path:
    settings = TrainSettings(
        data=DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=5, cache=True),
        model=TINY,
        method=method,
        optim=OptimConfig(lr=1e-2, epochs=epochs, clip_norm=1.0),
        device="cpu",
        engine=EngineConfig(progress=False, accumulate=2, threads=1),
    )
    return train(folder, settings, **options)


def same(one: Path, other: Path) -> bool:
    ours, theirs = (load_file(model / "model.safetensors") for model in (one, other))
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_finished_stage_is_not_stretched(manifest: Path, tmp_path: Path) -> None:
    """Its length follows from the epochs of all; that of a stage with epochs of its own does not."""
    shared, own = method_config({"name": "graph_distillation"}), TwoStagesConfig(teacher_epochs=1)
    run(manifest, tmp_path / "shared", shared, epochs=2)
    with pytest.raises(ValueError, match=r"with optim.epochs 2, now it is 4: method 'graph_distillation' trains"):
        run(manifest, tmp_path / "shared", shared, epochs=4, resume=True)
    run(manifest, tmp_path / "own", own, epochs=1)
    run(manifest, tmp_path / "own", own, epochs=2, resume=True)
    rows = (tmp_path / "own" / "metrics.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["0", "1", "2"]


def die_after(saves: int, manifest: Path, folder: Path, method: MethodConfig) -> None:
    """The run, killed right after so many checkpoints."""
    save, left = Trainer.save_checkpoint, iter(range(saves - 1))

    def save_and_die(*args: object, **options: object) -> None:
        save(*args, **options)
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    Trainer.save_checkpoint = save_and_die
    run(manifest, folder, method, epochs=4)


@pytest.mark.parametrize("saves", [1, 3, 4, 6])
def test_a_stage_resumes_after_a_kill_to_the_same_weights(manifest: Path, tmp_path: Path, saves: int) -> None:
    """3 epochs of the teacher, 4 of the student; the kill comes within either, or right between them."""
    method = TwoStagesConfig(teacher_epochs=3)
    straight = run(manifest, tmp_path / "straight", method, epochs=4)
    killed = multiprocessing.get_context("fork").Process(
        target=die_after, args=(saves, manifest, tmp_path / "killed", method)
    )
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model").exists()
    assert same(run(manifest, tmp_path / "killed", method, epochs=4, resume=True), straight)
    rows = [row.split(",") for row in (tmp_path / "killed" / "metrics.csv").read_text().splitlines()[1:]]
    assert [int(row[0]) for row in rows] == list(range(7))
    steps = [int(row[1]) for row in rows]
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("name", ["hallucination", "modality_distillation", "admd"])
def test_methods_for_a_pair_resume_to_the_same_weights(manifest: Path, tmp_path: Path, name: str) -> None:
    """Killed right after the first epoch of the stage that begins with copied weights."""
    method = method_config({"name": name})
    straight = run(manifest, tmp_path / "straight", method, epochs=4)
    killed = multiprocessing.get_context("fork").Process(
        target=die_after, args=(3, manifest, tmp_path / "killed", method)
    )
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    assert same(run(manifest, tmp_path / "killed", method, epochs=4, resume=True), straight)
    table = (tmp_path / "straight" / "robustness.md").read_text()
    assert "n/a" not in table.split("Shapley")[0]


def test_the_model_folder_holds_the_student_alone_and_what_it_serves(manifest: Path, tmp_path: Path) -> None:
    folder = run(manifest, tmp_path / "run", TwoStagesConfig())
    model = load_model(folder)
    assert not [name for name in model.state_dict() if "teacher" in name]
    assert model.supported_subsets == ((0,),)
    table = (tmp_path / "run" / "robustness.md").read_text()
    assert [line for line in table.splitlines() if line.startswith("| X") and "n/a" in line]


def test_a_teacher_from_a_model_folder_is_in_no_checkpoint(manifest: Path, tmp_path: Path) -> None:
    teacher = run(manifest, tmp_path / "teacher", method_config({"name": "plain"}))
    method = TwoStagesConfig(teacher=str(teacher))
    straight = run(manifest, tmp_path / "straight", method, epochs=3)
    state = torch.load(tmp_path / "straight" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert not [name for name in state if name.startswith("method.teacher.")]
    half = run(manifest, tmp_path / "half", method, epochs=1)
    assert not same(half, straight)
    long = run(manifest, tmp_path / "half", method, epochs=3, resume=True)
    assert long == half
    with pytest.raises(FileNotFoundError, match="is no model folder"):
        run(manifest, tmp_path / "none", TwoStagesConfig(teacher=str(tmp_path / "nothing")))


def test_what_a_stage_does_not_train_stays(manifest: Path) -> None:
    method = build_method(TwoStagesConfig(), modalities=_modalities(), classes=CLASSES, model=TINY)
    teacher, student = method.stages(5)
    assert (teacher.epochs, student.epochs) == (2, 5)
    method.enter(teacher)
    assert {name.partition(".")[0] for name, each in method.named_parameters() if each.requires_grad} == {"teacher"}
    method.begin(student)
    method.enter(student, frozen=frozenset({"model.fusion.head.bias"}))
    trained = {name for name, each in method.named_parameters() if each.requires_grad}
    assert {name.partition(".")[0] for name in trained} == {"model"}
    assert "model.fusion.head.bias" not in trained
    ours, theirs = method.model.encoders.state_dict(), method.teacher.encoders.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_groups_are_stepped_in_turn_each_by_its_own_optimiser(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, rates = [], []
    step = TrainingModule._step

    def spy(module: TrainingModule, batch: object, batch_idx: int, group: str) -> object:
        trained = {name.split(".")[1] for name, each in module.named_parameters() if each.requires_grad}
        done.append((batch_idx, group, trained))
        rates.append([optimizer.param_groups[0]["lr"] for optimizer in module.trainer.optimizers])
        return step(module, batch, batch_idx, group)

    monkeypatch.setattr(TrainingModule, "_step", spy)
    run(manifest, tmp_path / "run", AdversarialConfig(), epochs=1)
    assert done[:4] == [
        (0, "critic", {"critic"}),
        (0, "model", {"model"}),
        (1, "critic", {"critic"}),
        (1, "model", {"model"}),
    ]
    assert rates[0] == [0.02, 0.01]
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"loss/critic", "loss/cls", "loss/fool"} <= set(header)


def test_two_optimisers_resume_to_the_same_weights(manifest: Path, tmp_path: Path) -> None:
    straight = run(manifest, tmp_path / "straight", AdversarialConfig(), epochs=4)
    run(manifest, tmp_path / "resumed", AdversarialConfig(), epochs=2)
    assert same(run(manifest, tmp_path / "resumed", AdversarialConfig(), epochs=4, resume=True), straight)


def test_manual_steps_equal_plain_torch(manifest: Path, tmp_path: Path) -> None:
    """Accumulation and clipping of several groups, against a loop without Lightning."""
    from actionmae.core.seeds import torch_generator
    from actionmae.data.transforms.transform import transform
    from actionmae.methods import Draws
    from actionmae.training.loaders import read_clips, train_loader

    folder = run(manifest, tmp_path / "run", AdversarialConfig(), epochs=1)
    data = DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=5, cache=True)
    clips = read_clips(data)
    torch.manual_seed(0)
    method = build_method(AdversarialConfig(), modalities=clips.modalities, classes=clips.classes, model=TINY).train()
    loader = train_loader(clips, data, seed=0, epoch=lambda: 0)
    from actionmae.core.seeds import derive_seed

    torch.manual_seed(derive_seed(0, "dropout", 0, 0))
    parts = {"critic": (method.critic, 0.02), "model": (method.model, 0.01)}
    optimizers = {
        name: torch.optim.AdamW(part.parameters(), lr=lr, weight_decay=1e-4, fused=True)
        for name, (part, lr) in parts.items()
    }
    batches = list(loader)
    torch.manual_seed(derive_seed(0, "dropout", 0, 0))
    for at, batch in enumerate(batches):
        batch = transform(
            batch, clips.modalities, augment=data.augment, generator=torch_generator(0, "augment", 0, at, 0)
        )
        for name, optimizer in optimizers.items():
            for other, (part, _) in parts.items():
                part.requires_grad_(other == name)
            losses = method.step(batch, Draws.from_seed(0), group=name).losses
            (torch.stack(list(losses.values())).sum() / 2).backward()
            if at % 2 == 1 or at + 1 == len(batches):
                torch.nn.utils.clip_grad_norm_(parts[name][0].parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
    theirs = load_file(folder / "model.safetensors")
    for key, value in method.model.state_dict().items():
        torch.testing.assert_close(theirs[key], value, atol=1e-5, rtol=1e-4)


def _modalities() -> object:
    from actionmae.core.modality import ModalitySet

    return ModalitySet(MODALITIES)

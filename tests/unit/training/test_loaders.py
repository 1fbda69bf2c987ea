from pathlib import Path

import pytest

from actionmae.core.modality import ModalitySet
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.manifest import read_manifest
from actionmae.data.splits import rows_for_model
from actionmae.data.transforms.config import AugmentConfig
from actionmae.training.loaders import DataConfig, EpochBatches, read_clips, train_loader
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_recordings(tmp_path, missing=True)


def batches(manifest: Path, *, epoch: int, rank: int = 0, world: int = 1, size: int = 5) -> list[list[int]]:
    clips = read_clips(DataConfig(manifest=manifest, modalities=MODALITIES))
    dataset = ClipDataset(clips.splits.train, clips.classes, clips.modalities, train=True)
    return list(EpochBatches(dataset, batch_size=size, seed=0, epoch=lambda: epoch, rank=rank, world=world))


def test_every_clip_comes_once_an_epoch_in_another_order(manifest: Path) -> None:
    first, again, second = (batches(manifest, epoch=epoch) for epoch in (0, 0, 1))
    assert first == again
    assert first != second
    assert [len(batch) for batch in first] == [5, 5, 5, 5, 4]
    for epoch in (first, second):
        assert sorted(clip for batch in epoch for clip in batch) == list(range(24))


@pytest.mark.parametrize("world", [2, 5, 50])
def test_processes_share_an_epoch_evenly(manifest: Path, world: int) -> None:
    shares = [batches(manifest, epoch=0, rank=rank, world=world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1, "unequal numbers of steps would deadlock"
    seen = [clip for share in shares for batch in share for clip in batch]
    assert set(seen) == set(range(24))
    assert len(seen) == -(-24 // world) * world


def test_batches_depend_on_the_epoch_alone_not_on_workers(manifest: Path) -> None:
    def first_of_second_epoch(workers: int) -> list[str]:
        config = DataConfig(manifest=manifest, modalities=MODALITIES, batch_size=4, num_workers=workers)
        loader = train_loader(read_clips(config), config, seed=0, epoch=lambda: 1)
        batch = next(iter(loader))
        return [*batch.sample_ids, str(float(sum(clip.sum() for clip in batch.clips.values())))]

    assert first_of_second_epoch(0) == first_of_second_epoch(1)


def test_modalities_default_to_the_manifests_and_missing_rates_are_counted(manifest: Path) -> None:
    clips = read_clips(DataConfig(manifest=manifest, modalities=MODALITIES, val_subjects=(2,)))
    assert clips.classes == CLASSES
    assert clips.counts() == {"train": 12, "val": 12, "test": 9}
    rates = clips.missing_rates()
    rows = clips.splits.train
    assert rates["sound"] == sum("sound" not in row.files for row in rows) / 12 > 0


def test_frames_of_one_size(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "sample,label,subject,camera,setup,split,rgb,inertial\nx,a,,,,train,r.avi,i.npy\n"
    )
    for name in ("r.avi", "i.npy"):
        (tmp_path / name).touch()
    clips = read_clips(DataConfig(manifest=tmp_path / "manifest.csv", frame_size=40))
    assert [spec.shape for spec in clips.modalities] == [(3, 40, 40), ModalitySet(["inertial"])[0].shape]


def test_clips_without_any_chosen_modality_are_left_out(manifest: Path) -> None:
    clips = read_clips(DataConfig(manifest=manifest, modalities=(MODALITIES[1],)))
    assert len(clips.splits.train) == sum(row.split == "train" for row in read_manifest(manifest).rows) * 2 // 3


def test_training_needs_training_clips(manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace(",train,", ",test,"))
    with pytest.raises(ValueError, match=r"'split' leaves no training clips in .*: write train into its split column"):
        read_clips(DataConfig(manifest=manifest, modalities=MODALITIES))


def test_a_modality_that_no_training_clip_has_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manifest = write_recordings(tmp_path)
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(line.rpartition(",")[0] + "," if ",train," in line else line for line in lines))
    read_clips(DataConfig(manifest=manifest, modalities=MODALITIES))
    assert "no training clip has sound: its encoder stays as it begins" in caplog.messages


@pytest.mark.parametrize(
    ("flip", "mirror", "classes", "warned"),
    [
        (0.5, {}, ("clap", "Swipe_LEFT", "wave"), True),
        (0.0, {}, ("clap", "Swipe_LEFT", "wave"), False),
        (0.5, None, ("clap", "Swipe_LEFT", "wave"), False),
        (0.5, {}, CLASSES, False),
    ],
)
def test_flipping_classes_that_have_a_side_is_warned_of(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    flip: float,
    mirror: dict[str, object] | None,
    classes: tuple[str, ...],
    warned: bool,
) -> None:
    manifest = write_recordings(tmp_path, classes=classes)
    config = DataConfig(
        manifest=manifest,
        modalities=({**MODALITIES[0], "mirror": mirror}, {**MODALITIES[1], "mirror": {}}),
        augment=AugmentConfig(flip=flip),
    )
    read_clips(config)
    told = [message for message in caplog.messages if "a mirrored Swipe_LEFT is another action" in message]
    assert bool(told) == warned


def test_a_modality_without_a_column_is_refused_in_training(manifest: Path) -> None:
    with pytest.raises(ValueError, match="has no column 'rgb'"):
        read_clips(DataConfig(manifest=manifest, modalities=("rgb",)))


def test_model_and_manifest_need_a_modality_in_common(manifest: Path) -> None:
    read = read_manifest(manifest)
    with pytest.raises(ValueError, match="has sound, inertial but the model reads rgb: they need a modality in common"):
        rows_for_model(read, read.rows, ModalitySet(["rgb"]))
    with pytest.raises(ValueError, match=r"no clip of this split .* can be scored"):
        rows_for_model(read, (), ModalitySet(["inertial"]))


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("batch_size", 0, "data.batch_size is 0: give at least 1"),
        ("eval_batch_size", 0, "data.eval_batch_size is 0"),
        ("frame_size", 0, "data.frame_size is 0: give at least 1"),
        ("num_workers", -1, "data.num_workers is -1: give 0 or more"),
    ],
)
def test_bad_values_are_refused(field: str, value: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        DataConfig(manifest=Path("m.csv"), **{field: value})

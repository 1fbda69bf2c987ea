"""Clips and batches: missing modalities, determinism, cache, masks of persons and frames."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.data.layouts import load_layout
from actionmae.data.loading.collate import ClipSample, collate
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.manifest import ClipRow
from actionmae.data.prepare.video_writer import write_color_video
from helpers.rows import clip_row

FRAMES = 20
MODALITIES = ModalitySet(
    [
        {"name": "rgb", "shape": (3, 20, 20), "num_frames": 4},
        {"name": "depth", "shape": (3, 20, 20), "num_frames": 4},
        {"name": "skeleton", "shape": (2, 4, 3), "mirror": None, "num_frames": 4},
        {"name": "inertial", "shape": (2, 5), "num_frames": 3},
        {
            "name": "audio",
            "letter": "U",
            "kind": "features",
            "shape": (7,),
            "value": "raw",
            "encoder": "features",
            "num_frames": 4,
        },
    ]
)


@pytest.fixture
def rows(tmp_path: Path) -> list[ClipRow]:
    """Three clips whose values are their own frame's number; the second has only joints, the third all but joints."""
    number = np.arange(FRAMES)
    color = np.broadcast_to((10 * number)[:, None, None, None], (FRAMES, 30, 40, 3)).astype(np.uint8)
    write_color_video(tmp_path / "rgb.avi", color, 30.0)
    np.save(tmp_path / "depth.npy", np.broadcast_to(number[:, None, None], (FRAMES, 30, 30)).astype(np.uint16) + 1)
    joints = np.ones((FRAMES, 2, 4, 3)) * (number + 1.0)[:, None, None, None]
    joints[:, 1] = 0.0
    joints[:10, 0] = 0.0  # nobody in the first half
    np.save(tmp_path / "skeleton.npy", joints)
    np.save(tmp_path / "inertial.npy", np.arange(3 * FRAMES)[:, None] * np.array([1.0, -1.0]))
    np.save(tmp_path / "audio.npy", number[:, None] * np.ones(7))
    files = {name: next(tmp_path.glob(f"{name}.*")) for name in MODALITIES.names}
    return [
        clip_row(sample="all", label="clap", files=files),
        clip_row(sample="joints", label="wave", files={"skeleton": files["skeleton"]}),
        clip_row(sample="rest", label="", files={name: files[name] for name in files if name != "skeleton"}),
    ]


def _dataset(rows: list[ClipRow], modalities: ModalitySet = MODALITIES, **options: object) -> ClipDataset:
    return ClipDataset(rows, ("clap", "wave"), modalities, **{"train": False, **options})


def test_shapes_types_and_masks(rows: list[ClipRow]) -> None:
    dataset = _dataset(rows)
    batch = collate([dataset[index] for index in range(3)])
    shapes = {name: (tuple(clip.shape), clip.dtype) for name, clip in batch.clips.items()}
    assert shapes == {
        "rgb": ((3, 4, 3, 24, 24), torch.uint8),
        "depth": ((3, 4, 1, 24, 24), torch.uint16),
        "skeleton": ((3, 4, 2, 4, 3), torch.float32),
        "inertial": ((3, 3, 2, 5), torch.float32),
        "audio": ((3, 4, 7), torch.float32),
    }
    assert batch.available.int().tolist() == [[1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [1, 1, 0, 1, 1]]
    assert batch.labels.tolist() == [0, 1, -1]
    assert batch.sample_ids == ["all", "joints", "rest"]
    assert int(batch.clips["rgb"][1].max()) == 0
    # Uniform: frames 2, 7, 12, 17 of 20; somebody is seen in the last two.
    assert batch.frame_available["skeleton"].int().tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert batch.person_available["skeleton"][0].int().tolist() == [[0, 0], [0, 0], [1, 0], [1, 0]]
    assert batch.clips["skeleton"][0, :, 0, 0, 0].tolist() == [0, 0, 13, 18]
    assert set(batch.frame_available) == {"skeleton"}


def test_uniform_frames_and_windows_lie_at_the_same_moments(rows: list[ClipRow]) -> None:
    sample = _dataset(rows)[0]
    assert (sample.clips["depth"][:, 0, 0, 0].int() - 1).tolist() == [2, 7, 12, 17]
    assert sample.clips["audio"][:, 0].tolist() == [2, 7, 12, 17]
    np.testing.assert_allclose(sample.clips["rgb"][:, 0, 0, 0].int(), [20, 70, 120, 170], atol=4)
    # 60 samples, centres of three segments: 10, 30, 50; windows of 5.
    assert sample.clips["inertial"][:, 0].tolist() == [
        [8, 9, 10, 11, 12],
        [28, 29, 30, 31, 32],
        [48, 49, 50, 51, 52],
    ]
    assert torch.equal(sample.clips["inertial"][:, 1], -sample.clips["inertial"][:, 0])


def test_training_draws_are_shared_in_time_and_change_with_epoch_and_seed_only(rows: list[ClipRow]) -> None:
    def drawn(epoch: int, **options: object) -> list[int]:
        dataset = _dataset(rows, train=True, **options)
        dataset.set_epoch(epoch)
        sample = dataset[0]
        frames = (sample.clips["depth"][:, 0, 0, 0].int() - 1).tolist()
        assert frames == sample.clips["audio"][:, 0].tolist()
        assert frames == sorted(set(frames))
        return frames

    assert drawn(0) == drawn(0)
    assert len({tuple(drawn(epoch)) for epoch in range(6)}) > 3
    assert drawn(0) != drawn(0, seed=1)
    assert drawn(5, frames="uniform") == [2, 7, 12, 17]


@pytest.mark.parametrize("train", [True, False])
def test_cache_changes_nothing_but_the_reading(rows: list[ClipRow], train: bool, tmp_path: Path) -> None:
    plain, cached = _dataset(rows, train=train), _dataset(rows, train=train, cache=True)
    expected = []
    for epoch in range(2):
        plain.set_epoch(epoch)
        expected.append([plain[index] for index in range(3)])
    cached.preload()
    for file in tmp_path.iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    for epoch in range(2):
        cached.set_epoch(epoch)
        for index in range(3):
            sample, other = cached[index], expected[epoch][index]
            assert sample.clips.keys() == other.clips.keys()
            assert all(torch.equal(sample.clips[name], other.clips[name]) for name in sample.clips)
            assert {*sample.frame_available} == {*other.frame_available}


def test_workers_read_the_same_and_see_the_epoch(rows: list[ClipRow]) -> None:
    dataset = _dataset(rows, train=True)
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=3, num_workers=1, collate_fn=collate, persistent_workers=True
    )
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        batch = next(iter(loader))
        assert torch.equal(batch.clips["audio"], collate([dataset[index] for index in range(3)]).clips["audio"])


@pytest.mark.parametrize("options", [{}, {"train": True}, {"cache": True}, {"train": True, "cache": True}])
def test_a_batch_read_at_once_is_the_same_as_joined_clips(rows: list[ClipRow], options: dict[str, bool]) -> None:
    dataset, order = _dataset(rows, **options), [2, 0, 1, 0]
    from_files = _dataset(rows, **{**options, "cache": False})
    for _ in range(2):  # from the files, then from the cache
        batch, joined = dataset.__getitems__(order), collate([from_files[index] for index in order])
        assert batch.clips.keys() == joined.clips.keys()
        for name in joined.clips:
            assert batch.clips[name].dtype == joined.clips[name].dtype
            assert torch.equal(batch.clips[name].float(), joined.clips[name].float()), name
        assert batch.sample_ids == joined.sample_ids
        assert torch.equal(batch.available, joined.available)
        assert batch.frame_available.keys() == joined.frame_available.keys() == {"skeleton"}
        assert torch.equal(batch.person_available["skeleton"], joined.person_available["skeleton"])
        for clips in (batch.clips, dataset[0].clips):
            clips["rgb"].fill_(7)
            clips["audio"].fill_(7)  # what was handed out is nobody else's: the cache stays as it is


def test_images_are_decoded_straight_into_the_batch(rows: list[ClipRow]) -> None:
    dataset = _dataset(rows)
    [batch] = torch.utils.data.DataLoader(dataset, batch_size=3, collate_fn=collate)
    assert isinstance(dataset.__getitems__([0]), ClipBatch)
    assert collate(batch) is batch
    [shared] = torch.utils.data.DataLoader(dataset, batch_size=3, collate_fn=collate, num_workers=1)
    for name in batch.clips:
        assert torch.equal(shared.clips[name].float(), batch.clips[name].float())
        assert shared.clips[name].is_shared()


def test_a_modality_that_no_clip_has_is_no_key(rows: list[ClipRow]) -> None:
    dataset = _dataset(rows)
    batch = collate([dataset[1]])
    assert set(batch.clips) == {"skeleton"}
    assert batch.available.tolist() == [[False, False, True, False, False]]


def test_nobody_in_the_chosen_frames_takes_the_nearest_that_show_somebody(rows: list[ClipRow], tmp_path: Path) -> None:
    joints = np.zeros((FRAMES, 1, 4, 3))
    joints[9] = 5.0
    np.save(tmp_path / "brief.npy", joints)
    row = clip_row(sample="brief", label="clap", files={"skeleton": tmp_path / "brief.npy"})
    sample = _dataset([row])[0]
    assert (sample.clips["skeleton"][:, 0] == 5.0).all()
    assert "skeleton" not in sample.frame_available


def test_rows_without_the_modalities_are_left_out(rows: list[ClipRow]) -> None:
    assert [row.sample for row in _dataset(rows, ModalitySet(["ir", MODALITIES["rgb"]])).rows] == ["all", "rest"]
    with pytest.raises(ValueError, match="none of the 3 clips has any of ir: choose modalities that the manifest has"):
        _dataset(rows, ModalitySet(["ir"]))


def test_labels_must_be_classes(rows: list[ClipRow]) -> None:
    with pytest.raises(ValueError, match="label 'wave' of sample 'joints' is none of the 1 classes"):
        ClipDataset(rows, ("clap",), MODALITIES, train=False)


def test_a_clip_without_any_modality_is_refused() -> None:
    with pytest.raises(ValueError, match="clip 'x' has no modality at all"):
        collate([ClipSample(sample="x", label=0, modalities=MODALITIES)])


def test_real_recordings_become_a_batch(recordings: Path) -> None:
    layout = load_layout("utd_mhad")
    specs = layout.specs
    modalities = ModalitySet([{**specs["depth"], "shape": (3, 48, 48)}, specs["skeleton"], specs["inertial"]])
    rows, _ = layout.index(recordings / "utd-mhad")
    dataset = ClipDataset(rows[:2], layout.classes, modalities, train=True)
    batch = collate([dataset[0], dataset[1]])
    assert batch.available.all()
    assert batch.clips["depth"].shape == (2, 16, 1, 58, 58)
    assert int(batch.clips["depth"].int().max()) > 2000
    assert batch.clips["skeleton"].isfinite().all()


def test_the_real_pair_of_video_and_skeleton_is_one_clip(recordings: Path) -> None:
    folder, name = recordings / "ntu-sample", "S001C001P001R001A001"
    modalities = ModalitySet([{"name": "rgb", "shape": (3, 48, 48), "num_frames": 3}, "skeleton"])
    files = {"rgb": folder / f"{name}_rgb.avi", "skeleton": folder / f"{name}.skeleton"}
    batch = collate([_dataset([clip_row(sample=name, label="clap", files=files)], modalities)[0]])
    assert batch.clips["rgb"].shape == (1, 3, 3, 58, 58)
    assert batch.clips["rgb"].float().std() > 20
    assert batch.person_available["skeleton"][0].int().tolist() == [[1, 0]] * 16
    assert not batch.frame_available

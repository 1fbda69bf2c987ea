"""Workers tell what is wrong in one sentence, and start an epoch when its first batch is asked for."""

import os
import signal
from pathlib import Path

import pytest

from actionmae.core.modality import ModalitySet
from actionmae.data.loading.dataset import ClipDataset
from actionmae.data.loading.loader import ClipLoader
from actionmae.data.manifest import read_manifest
from helpers.tiny_recordings import CLASSES, MODALITIES, write_recordings


@pytest.fixture
def clips(tmp_path: Path) -> ClipDataset:
    manifest = read_manifest(write_recordings(tmp_path))
    return ClipDataset(manifest.rows, CLASSES, ModalitySet(MODALITIES), train=True)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_broken_recording_is_one_sentence(tmp_path: Path, clips: ClipDataset, num_workers: int) -> None:
    (tmp_path / "clip0_sound.npy").write_text("hello")
    with pytest.raises(ValueError, match=r"^\S*clip0_sound\.npy cannot be read as a NumPy file[^\n]*$"):
        next(iter(ClipLoader(clips, num_workers=num_workers, batch_size=4)))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_missing_recording_keeps_its_type(tmp_path: Path, clips: ClipDataset, num_workers: int) -> None:
    (tmp_path / "clip0_sound.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"clip0_sound\.npy"):
        next(iter(ClipLoader(clips, num_workers=num_workers, batch_size=4)))


def test_a_fault_of_the_program_keeps_its_traceback(clips: ClipDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClipDataset, "__getitems__", lambda self, indices: 1 // 0)
    with pytest.raises(ZeroDivisionError, match=r"Original Traceback"):
        next(iter(ClipLoader(clips, num_workers=1, batch_size=4)))


def test_full_shared_memory_is_one_sentence(clips: ClipDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr("torch.Tensor.share_memory_", full)
    with pytest.raises(ValueError, match=r"^shared memory \(/dev/shm\) is too small .* or set num_workers 0$"):
        next(iter(ClipLoader(clips, num_workers=1, batch_size=4)))


def test_a_killed_worker_says_what_the_command_line_listens_for(
    clips: ClipDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClipDataset, "__getitems__", lambda self, indices: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="DataLoader worker"):
        next(iter(ClipLoader(clips, num_workers=1, batch_size=4)))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_nothing_is_read_before_the_first_batch_is_asked_for(clips: ClipDataset, num_workers: int) -> None:
    asked = []

    class Sampler:
        def __iter__(self):
            asked.append(True)
            yield [0, 1]

    loader = ClipLoader(clips, num_workers=num_workers, batch_sampler=Sampler())
    batches = iter(loader)
    assert not asked
    assert next(batches).sample_ids == ["clip0", "clip1"]
    assert asked


def test_more_workers_than_the_machine_bears_are_refused(clips: ClipDataset) -> None:
    with pytest.raises(ValueError, match=r"num_workers is 1000000: this machine has \d+ cores, give at most"):
        ClipLoader(clips, num_workers=10**6)

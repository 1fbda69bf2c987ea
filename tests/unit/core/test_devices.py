import re

import pytest
import torch

from actionmae.core.devices import check_device, pick_device


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("gpus", "word", "index", "device"),
    [
        (0, "auto", 0, "cpu"),
        (0, "cpu", 3, "cpu"),
        (2, "auto", 0, "cuda:0"),
        (2, "auto", 3, "cuda:1"),
        (2, "cuda", 1, "cuda:1"),
        (2, "cuda:1", 0, "cuda:1"),
        (2, "cpu", 0, "cpu"),
    ],
    indirect=["gpus"],
)
def test_each_process_gets_its_device(gpus: None, word: str, index: int, device: str) -> None:
    assert pick_device(word, index) == torch.device(device)


@pytest.mark.parametrize(
    ("gpus", "word", "sentence"),
    [
        (0, "cuda", "device is 'cuda' but torch finds no GPU: choose cpu"),
        (0, "cuda:1", "device is 'cuda:1' but torch finds no GPU"),
        (2, "cuda:2", "device is 'cuda:2' but this machine has 2 GPUs: choose cuda:0 to cuda:1"),
        (0, "mps", "device is 'mps' but torch finds none: choose cpu"),
        (0, "gpu", "device is 'gpu': choose auto, cpu, cuda, cuda:1 (the second GPU) or mps"),
        (0, "cuda:x", "device is 'cuda:x': choose auto"),
    ],
    indirect=["gpus"],
)
def test_a_device_that_is_not_there_is_one_sentence(gpus: None, word: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        pick_device(word)


def test_mps_where_it_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps")


@pytest.mark.parametrize(
    ("word", "number", "sentence"),
    [
        ("cpu", 0, "num_devices is 0: give at least 1, or -1 for all GPUs"),
        ("cpu", 10**6, "num_devices is 1000000: this machine has"),
        ("cuda:1", 2, "device is cuda:1 but num_devices is 2: give cuda, or 1 device"),
    ],
)
def test_numbers_that_do_not_fit(word: str, number: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_device(word, number)

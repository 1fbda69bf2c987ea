"""Saved models stay readable and networks keep computing what they computed."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.nn import load_model
from golden.make import CASES, CLASSES, CLIPS, MODEL, STATISTICS, statistics
from helpers.tiny_models import VECTORS


def test_a_model_of_format_1_gives_its_logits() -> None:
    model = load_model(MODEL)
    assert model.classes == CLASSES
    assert model.modalities == ModalitySet(VECTORS)
    with np.load(CLIPS, allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    logits, available = arrays.pop("logits"), arrays.pop("available")
    rows = len(logits)
    labels = torch.full((rows,), -1)
    batch = ClipBatch(
        clips=arrays, available=available, labels=labels, sample_ids=[f"clip{row}" for row in range(rows)]
    )
    with torch.no_grad():
        got = model(batch.validate(model.modalities)).logits
    torch.testing.assert_close(got, logits, atol=1e-5, rtol=1e-5)
    assert torch.pdist(logits).min() > 1e-2, "every subset has logits of its own"


def test_the_model_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) + CLIPS.stat().st_size < 100_000


def stored() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STATISTICS.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("fusion", "action_mae"), CASES)
def test_names_shapes_and_statistics(fusion: str, action_mae: bool) -> None:
    wanted = stored()[f"{fusion}{' + ActionMAE' * action_mae}"]
    got = statistics(fusion, action_mae)
    assert got.pop("state") == wanted.pop("state"), "parameter names are part of every saved model"
    assert got.keys() == wanted.keys()
    for name, numbers in got.items():
        assert numbers == pytest.approx(wanted[name], abs=1e-4, rel=1e-4), name


def test_networks_differ_in_what_they_compute() -> None:
    assert len({tuple(case["logits"]) for case in stored().values()}) == len(CASES)

import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from actionmae.core.tensors import ClipBatch, SubsetClassifier, check_visible
from helpers.builders import tiny_batch, tiny_modalities
from helpers.bypass import with_fields
from helpers.tiny_models import tiny_classifier, vectors

SETS = tiny_modalities("rgb", "skeleton")


def batch() -> ClipBatch:
    return tiny_batch(SETS, 3, available=torch.tensor([[True, True], [True, False], [False, True]]))


def without(name: str) -> dict[str, torch.Tensor]:
    return {key: clip for key, clip in batch().clips.items() if key != name}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"available": torch.ones(3, 3, dtype=torch.bool)}, "available is torch.bool (3, 3): it must be torch.bool (3, 2)"),
    ({"labels": torch.zeros(2, dtype=torch.int64)}, "labels is torch.int64 (2,): it must be torch.int64 (3,)"),
    ({"clips": {"depth": torch.zeros(3, 4, 3, 8, 8)}}, "unknown modality 'depth'"),
    ({"clips": without("rgb")}, "available says that rgb exists but clips has no rgb: add it or clear available"),
    (
        {"clips": batch().clips | {"rgb": torch.zeros(3, 5, 3, 32, 32)}},
        "clips[rgb] has shape (3, 5, 3, 32, 32): frames need [B, T, …] with B = 3, T from 1 to 4 and 5 dimensions",
    ),
    ({"clips": batch().clips | {"rgb": torch.zeros(3, 4, 32, 32)}}, "clips[rgb] has shape (3, 4, 32, 32)"),
    (
        {"clips": batch().clips | {"skeleton": torch.zeros(3, 5, 2, 25, 3).int()}},
        "clips[skeleton] (joints) is torch.int32: give floating point",
    ),
    (
        {"clips": batch().clips | {"rgb": torch.zeros(3, 4, 3, 32, 32).long()}},
        "clips[rgb] (frames) is torch.int64: give floating point, uint8 or uint16",
    ),
    (
        {"frame_available": {"ir": torch.ones(3, 4, dtype=torch.bool)}},
        "frame_available names ir but clips has no ir: remove one or add the other",
    ),
    ({"frame_available": {"rgb": torch.ones(3, 5, dtype=torch.bool)}}, "frame_available[rgb] is torch.bool (3, 5)"),
    (
        {"person_available": {"skeleton": torch.ones(3, 5, dtype=torch.bool)}},
        "person_available[skeleton] is torch.bool",
    ),
    (
        {"frame_available": {"rgb": torch.ones(3, 4)}},
        "frame_available[rgb] is torch.float32 (3, 4): it must be torch.bool",
    ),
    (
        {"available": torch.tensor([[True, True], [False, False], [False, True]])},
        "clip 'clip1' has no modality at all: give at least one",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), BAD, ids=[sentence[:40] for _, sentence in BAD])
def test_a_batch_that_does_not_fit_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        with_fields(batch(), **change).validate(SETS)


def test_what_a_kind_does_not_allow_is_not_offered() -> None:
    whole = replace(batch(), clips=batch().clips | {"skeleton": torch.zeros(3, 5, 2, 25, 3).long()})
    with pytest.raises(ValueError, match=r"clips\[skeleton\] \(joints\) is torch.int64: give floating point$"):
        whole.validate(SETS)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float16])
def test_frames_may_be_integers_until_the_device_transform(dtype: torch.dtype) -> None:
    raw = replace(batch(), clips=batch().clips | {"rgb": torch.zeros(3, 4, 3, 32, 32, dtype=dtype)})
    assert raw.validate(SETS) is raw


def test_map_reaches_every_tensor() -> None:
    full = tiny_batch(SETS, 3, lost_frames=True)
    full = replace(full, person_available={"skeleton": torch.ones(3, 5, 2, dtype=torch.bool)})
    empty = full.map(lambda tensor: tensor[:0])
    tensors = [empty.available, empty.labels, *empty.clips.values()]
    tensors += [*empty.frame_available.values(), *empty.person_available.values()]
    assert len(tensors) == 7
    assert all(len(tensor) == 0 for tensor in tensors)
    assert len(full) == 3
    meta = full.to("meta")
    assert {tensor.device.type for tensor in (*meta.clips.values(), meta.available)} == {"meta"}


def test_nothing_visible_is_refused() -> None:
    check_visible(torch.tensor([[True, False]]))
    with pytest.raises(ValueError, match="row 1 of the batch has no visible modality: every clip needs at least one"):
        check_visible(torch.tensor([[True, False], [False, False]]))


def test_the_classifier_is_a_subset_classifier() -> None:
    assert isinstance(tiny_classifier(vectors()), SubsetClassifier)

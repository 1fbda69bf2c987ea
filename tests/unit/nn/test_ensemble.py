"""Several trainings of one model: the mean of what they say, whatever kind they are, saved and taken apart like any."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import all_subsets
from actionmae.nn import build_classifier, load_model, save_model
from actionmae.nn.architectures import SavedModel
from actionmae.nn.config import ClassifierConfig
from actionmae.nn.ensemble import Ensemble
from actionmae.nn.late_fusion import LateFusion
from actionmae.nn.paired_streams import PairedStreams
from actionmae.nn.transfer import initialise
from helpers.builders import tiny_batch
from helpers.tiny_models import VECTORS, WIDTH, tiny_classifier, vectors

KINDS: dict[str, Callable[[], SavedModel]] = {
    "streams that share their time encoder": lambda: tiny_classifier(
        vectors(), fusion="sum", time_encoder="shared_motion"
    ),
    "ActionMAE, which fills every slot": lambda: tiny_classifier(vectors(), action_mae=True),
    "late fusion": lambda: LateFusion([tiny_classifier(ModalitySet([spec])) for spec in VECTORS]),
    "a pair of streams": lambda: PairedStreams(
        modalities=ModalitySet(VECTORS[:2]),
        classes=[f"class {at}" for at in range(5)],
        kept=0,
        connected=True,
        config=ClassifierConfig(**WIDTH),
    ),
}


def joined(kind: str, count: int = 3) -> Ensemble:
    torch.manual_seed(0)
    return Ensemble([KINDS[kind]() for _ in range(count)]).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_the_mean_of_what_its_trainings_say(kind: str, tmp_path: Path) -> None:
    model = joined(kind)
    batch = tiny_batch(model.modalities, 6, available=torch.ones(6, len(model.modalities), dtype=torch.bool))
    loaded = load_model(save_model(model, tmp_path / "model"))
    assert isinstance(loaded, Ensemble)
    with torch.no_grad():
        encoders = [model.clip_encoder(slot) for slot in range(len(model.modalities))]
        apart = torch.stack(
            [encoders[slot](batch.clips[spec.name]) for slot, spec in enumerate(model.modalities)], dim=1
        )
        for subset in all_subsets(len(model.modalities)):
            visible = torch.zeros(6, len(model.modalities), dtype=torch.bool)
            visible[:, list(subset)] = True
            said = [each(batch, visible).logits.log_softmax(dim=1) for each in model.trainings]
            wanted = sum(said) / len(said)
            torch.testing.assert_close(model(batch, visible).logits, wanted)
            torch.testing.assert_close(loaded(batch, visible).logits, wanted)
            torch.testing.assert_close(model.classify(*model.reconstruct(apart, visible)), wanted)


def test_frames_are_encoded_alone_by_every_training() -> None:
    model = joined("streams that share their time encoder")
    batch = tiny_batch(model.modalities, 6, lost_frames=True, available=torch.ones(6, 3, dtype=torch.bool))
    with torch.no_grad():
        for slot, spec in enumerate(model.modalities):
            encoder, there = model.clip_encoder(slot), batch.frame_available[spec.name]
            assert encoder.streamable
            features = encoder.encode_frames(batch.clips[spec.name])
            token = encoder.encode_time(features, frame_available=there)
            torch.testing.assert_close(token, encoder(batch.clips[spec.name], frame_available=there))
            torch.testing.assert_close(token, model.encode(batch)[:, slot])


def test_what_is_missing_is_never_read() -> None:
    model, batch = joined("ActionMAE, which fills every slot"), tiny_batch(vectors(), 7)
    with torch.no_grad():
        before = model(batch).logits
        for slot, spec in enumerate(vectors()):
            batch.clips[spec.name][~batch.available[:, slot]] = torch.nan
        assert torch.equal(model(batch).logits, before)
        with pytest.raises(ValueError, match="row 0 of the batch has no visible modality"):
            model(batch, torch.zeros(7, 3, dtype=torch.bool))


def test_its_first_training_gives_its_parts(tmp_path: Path) -> None:
    model = joined("late fusion")
    save_model(model, tmp_path / "model")
    new = tiny_classifier(vectors())
    initialise(new, [tmp_path / "model"], parts="encoders")
    given = model.trainings[0].specialists[2].encoders[0].state_dict()
    assert all(torch.equal(value, given[name]) for name, value in new.encoders[2].state_dict().items())


def test_other_models_are_refused() -> None:
    first = tiny_classifier(vectors())
    fewer = build_classifier(vectors(), 2, config=first.config)
    cases = (
        ([first], "1 training was given: an ensemble needs at least two of one model"),
        ([first, fewer], "training 2 has other classes than the first: an ensemble is of one model"),
        ([first, first, tiny_classifier(ModalitySet(VECTORS[:2]))], "training 3 has other modalities than the first"),
        ([first, tiny_classifier(vectors(), mlp_dim=8)], "training 2 has other settings of its network than the first"),
        ([first, KINDS["late fusion"]()], "training 2 has other architecture than the first"),
    )
    for trainings, sentence in cases:
        with pytest.raises(ValueError, match=sentence):
            Ensemble(trainings)

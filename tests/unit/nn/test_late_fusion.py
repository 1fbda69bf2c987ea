"""Late fusion: a sum over what is there, saved like any other model."""

from pathlib import Path

import pytest
import torch

from actionmae.core.modality import ModalitySet
from actionmae.inference import score_subsets
from actionmae.nn import build_classifier, load_model, save_model
from actionmae.nn.late_fusion import LateFusion
from actionmae.nn.transfer import initialise
from helpers.builders import tiny_batch
from helpers.tiny_models import VECTORS, tiny_classifier, vectors


def joined(**options: object) -> LateFusion:
    torch.manual_seed(0)
    return LateFusion([tiny_classifier(ModalitySet([spec])) for spec in VECTORS], **options).eval()


@pytest.mark.parametrize("options", [{}, {"weights": [0.5, 2.0, 1.0], "temperatures": [1.5, 0.7, 2.0]}])
def test_logits_are_the_sum_of_what_the_specialists_say(options: dict[str, list[float]]) -> None:
    model, batch = joined(**options), tiny_batch(vectors(), 7)
    weights, temperatures = (options.get(name, [1.0] * 3) for name in ("weights", "temperatures"))
    with torch.no_grad():
        got = model(batch).logits
        for row in range(7):
            wanted = torch.zeros(5)
            for slot, specialist in enumerate(model.specialists):
                if batch.available[row, slot]:
                    alone = tiny_batch(ModalitySet([VECTORS[slot]]), 1, available=torch.ones(1, 1, dtype=torch.bool))
                    alone.clips[VECTORS[slot]["name"]] = batch.clips[VECTORS[slot]["name"]][row : row + 1]
                    wanted += weights[slot] * (specialist(alone).logits[0] / temperatures[slot]).log_softmax(dim=0)
            torch.testing.assert_close(got[row], wanted, atol=1e-5, rtol=1e-5)


def test_what_is_missing_is_never_read() -> None:
    model, batch = joined(), tiny_batch(vectors(), 7)
    with torch.no_grad():
        before = model(batch).logits
        for slot, spec in enumerate(VECTORS):
            batch.clips[spec["name"]][~batch.available[:, slot]] = torch.nan
        assert torch.equal(model(batch).logits, before)
        with pytest.raises(ValueError, match="row 0 of the batch has no visible modality"):
            model(batch, torch.zeros(7, 3, dtype=torch.bool))


def test_one_survivor_is_its_specialist() -> None:
    model, batch = joined(), tiny_batch(vectors(), 7)
    scores = score_subsets(model, [batch], classes=model.classes)
    for slot, spec in enumerate(VECTORS):
        rows = batch.available[:, slot].nonzero().flatten()
        alone = tiny_batch(ModalitySet([spec]), len(rows), available=torch.ones(len(rows), 1, dtype=torch.bool))
        alone.clips[spec["name"]] = batch.clips[spec["name"]][rows]
        with torch.no_grad():
            wanted = model.specialists[slot](alone).logits.log_softmax(dim=1)
        torch.testing.assert_close(torch.from_numpy(scores.logits[(slot,)][rows.numpy()]), wanted)


def test_a_folder_brings_back_the_same_model(tmp_path: Path) -> None:
    model, batch = joined(weights=[0.5, 1.0, 2.0]), tiny_batch(vectors(), 7)
    loaded = load_model(save_model(model, tmp_path / "model"))
    assert isinstance(loaded, LateFusion)
    assert loaded.modalities == model.modalities
    assert loaded.weights.tolist() == [0.5, 1.0, 2.0]
    with torch.no_grad():
        assert torch.equal(loaded(batch).logits, model(batch).logits)


def test_its_specialists_give_their_encoders(tmp_path: Path) -> None:
    model = joined()
    save_model(model, tmp_path / "model")
    new = tiny_classifier(ModalitySet([VECTORS[2], VECTORS[0]]), action_mae=True)
    done = initialise(new, [tmp_path / "model"], parts="encoders")
    assert set(done.loaded) == {
        f"{kind} encoder of {name}" for kind in ("space", "time") for name in ("smell", "sound")
    }
    ours, theirs = new.encoders[0].state_dict(), model.specialists[2].encoders[0].state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_cannot_be_joined_is_one_sentence() -> None:
    sound, touch = (tiny_classifier(ModalitySet([spec])) for spec in VECTORS[:2])
    other = build_classifier(ModalitySet([VECTORS[1]]), 2, config=touch.config)
    cases = (
        ([], {}, "no specialist was given: give at least one model of a single modality"),
        ([tiny_classifier(vectors())], {}, "a specialist reads sound, touch, smell: late fusion joins models of one"),
        ([sound, other], {}, "the specialists of touch and sound have different classes: train them with the same"),
        ([sound, sound], {}, "modality name 'sound' is used twice"),
        ([sound, touch], {"weights": [1.0]}, r"weights are \[1.0\]: give 2 finite numbers of at least 0.0"),
        ([sound, touch], {"temperatures": [1.0, 0.0]}, r"temperatures are \[1.0, 0.0\]: give 2 finite numbers of at"),
    )
    for specialists, options, sentence in cases:
        with pytest.raises(ValueError, match=sentence):
            LateFusion(specialists, **options)

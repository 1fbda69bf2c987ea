"""Paired streams: every subset against its streams one clip at a time, saved, taken apart, refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.inference.export_graphs import EncoderGraph, HeadsGraph, example_clip, example_tokens
from actionmae.inference.stream_torch import TorchStreamModel
from actionmae.nn import ClassifierConfig, load_model, registry, save_model
from actionmae.nn.paired_streams import PairedStreams
from actionmae.nn.stream import Frames, Stream
from actionmae.nn.transfer import initialise
from helpers.builders import tiny_batch
from helpers.tiny_models import KINDS, VECTORS, WIDTH, tiny_classifier

PAIR = ModalitySet(VECTORS[:2])  # sound has 3 frames, touch 2
BOTH = torch.ones(5, 2, dtype=torch.bool)


def paired(modalities: ModalitySet = PAIR, *, kept: int = 0, connected: bool = True, **options: Any) -> PairedStreams:
    """In eval mode; a connection that does something."""
    torch.manual_seed(0)
    config = ClassifierConfig(**WIDTH | options)
    model = PairedStreams(
        modalities=modalities, classes=list("abcde"), kept=kept, connected=connected, config=config
    ).eval()
    if model.connection is not None:
        torch.nn.init.normal_(model.connection.weight)
    return model


def token(stream: Stream, features: list[Tensor]) -> Tensor:
    """The token of one clip from the frames that exist, as a list of them and None."""
    there = torch.tensor([[each is not None for each in features]])
    filled = torch.stack([torch.zeros(16) if each is None else each for each in features])
    return stream.encoder.encode_time(filled[None], frame_available=there)[0]


def nearest(frames: list[Any], length: int) -> list[Any]:
    last = len(frames) - 1
    return [frames[round(at * last / (length - 1)) if length > 1 else 0] for at in range(length)]


def one_clip(model: PairedStreams, batch: ClipBatch, row: int, subset: tuple[int, ...]) -> Tensor:
    """Logits of one clip by loops over its frames."""

    def frames(stream: Stream, slot: int) -> list[Any]:
        name = model.modalities.names[slot]
        found = stream.encoder.encode_frames(batch.clips[name][row : row + 1])[0]
        mask = batch.frame_available.get(name)
        return [each if mask is None or mask[row, at] else None for at, each in enumerate(found)]

    kept, lost = model.kept, model.lost
    if subset == (lost,):
        return model.lost_stream.head(token(model.lost_stream, frames(model.lost_stream, lost)))
    other, stream = frames(model.lost_stream, lost), model.lost_stream
    if lost not in subset:
        other = nearest(frames(model.hallucination, kept), model.modalities[lost].num_frames)
        stream = model.hallucination
    own = frames(model.kept_stream, kept)
    if model.connection is not None:
        for at, theirs in enumerate(nearest(other, len(own))):
            if own[at] is not None and theirs is not None:
                own[at] = own[at] + model.connection.weight @ (own[at] * theirs)
    return (model.kept_stream.head(token(model.kept_stream, own)) + stream.head(token(stream, other))) / 2


@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("connected", [False, True])
@torch.no_grad()
def test_each_subset_is_the_mean_of_the_streams_that_it_feeds(kept: int, connected: bool) -> None:
    model = paired(kept=kept, connected=connected)
    batch = tiny_batch(PAIR, 5, available=BOTH, lost_frames=True)
    for subset in ((0,), (1,), (0, 1)):
        visible = torch.zeros(5, 2, dtype=torch.bool)
        visible[:, list(subset)] = True
        got = model(batch, visible).logits
        for row in range(5):
            torch.testing.assert_close(got[row], one_clip(model, batch, row, subset), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_what_is_missing_is_never_read_and_rows_do_not_mix() -> None:
    model, batch = paired(), tiny_batch(PAIR, 7)
    before = model(batch).logits
    for slot, name in enumerate(PAIR.names):
        batch.clips[name][~batch.available[:, slot]] = torch.nan
    assert torch.equal(model(batch).logits, before)
    tokens = model.encode(batch)
    broken = torch.where(batch.available[:, :, None], tokens, torch.nan)
    assert torch.equal(model.classify(broken, batch.available), before)
    for row in range(7):
        subset = tuple(batch.available[row].nonzero().flatten().tolist())
        torch.testing.assert_close(before[row], one_clip(model, batch, row, subset), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="row 0 of the batch has no visible modality"):
        model(batch, torch.zeros(7, 2, dtype=torch.bool))


def test_a_clip_that_should_exist_and_is_not_there_is_named() -> None:
    model, batch = paired(), tiny_batch(PAIR, 5, available=BOTH)
    del batch.clips["touch"]
    for read in (model, model.lost_frames):
        with pytest.raises(
            ValueError, match="available says that touch exists but clips has no touch: add it or clear"
        ):
            read(batch)


@torch.no_grad()
def test_a_slots_token_depends_on_its_clip_alone() -> None:
    model, batch = paired(), tiny_batch(PAIR, 5, available=BOTH)
    before = model.encode(batch)
    batch.clips["touch"] += 1
    after = model.encode(batch)
    assert torch.equal(after[:, 0], before[:, 0])
    assert not torch.equal(after[:, 1], before[:, 1])


@torch.no_grad()
def test_a_shorter_clip_is_one_whose_last_frames_do_not_exist() -> None:
    model, batch = paired(connected=False), tiny_batch(PAIR, 5, available=BOTH)
    batch.frame_available["touch"] = torch.tensor([[True, False]]).expand(5, -1)
    lost = torch.tensor([[False, True]]).expand(5, -1)
    masked = model(batch, lost).logits
    del batch.frame_available["touch"]
    batch.clips["touch"] = batch.clips["touch"][:, :1]
    torch.testing.assert_close(model(batch, lost).logits, masked)


@pytest.mark.parametrize(("have", "length"), [(3, 3), (3, 2), (2, 5), (1, 4), (8, 3)])
def test_resampling_takes_the_nearest_frame(have: int, length: int) -> None:
    frames = Frames(features=torch.randn(2, have, 4), there=torch.rand(2, have) > 0.5)
    got = frames.resampled(length)
    for row in range(2):
        assert torch.equal(got.features[row], torch.stack(nearest(list(frames.features[row]), length)))
        assert torch.equal(got.there[row], torch.stack(nearest(list(frames.there[row]), length)))
    back = Frames.unpacked(frames.packed(), have)
    assert torch.equal(back.features, frames.features)
    assert torch.equal(back.there, frames.there)


@torch.no_grad()
def test_a_folder_brings_back_the_same_model(tmp_path: Path) -> None:
    model, batch = paired(kept=1), tiny_batch(PAIR, 7)
    loaded = load_model(save_model(model, tmp_path / "model"))
    assert isinstance(loaded, PairedStreams)
    assert (loaded.kept, loaded.kept_spec.name, loaded.lost_spec.name) == (1, "touch", "sound")
    assert loaded.supported_subsets is None
    assert torch.equal(loaded(batch).logits, model(batch).logits)


@torch.no_grad()
def test_joints_and_frames_are_streamed_from_the_folder(tmp_path: Path) -> None:
    """`clip_encoder` on stored clips, and on kept frame features, gives what `encode` gives."""
    pair = ModalitySet(KINDS[:2])
    model = paired(pair)
    stream = TorchStreamModel.load(save_model(model, tmp_path / "model"))
    assert [stream.keeps_features(name) for name in pair.names] == [True, False]
    batch = tiny_batch(pair, 2, available=torch.ones(2, 2, dtype=torch.bool))
    tokens = model.encode(batch)
    for slot, name in enumerate(pair.names):
        part = model.clip_encoder(slot)
        torch.testing.assert_close(part(batch.clips[name]), tokens[:, slot])
        features = part.encode_frames(batch.clips[name])
        torch.testing.assert_close(part.encode_time(features), tokens[:, slot])
        assert tokens.shape[2] == stream.token_width


@torch.no_grad()
def test_its_parts_become_graphs_of_any_batch_size() -> None:
    model = paired()
    tokens, visible = example_tokens(model, model.encode(tiny_batch(PAIR, 1)).shape[2], rows=7)
    parts = [(HeadsGraph(model), {"tokens": tokens, "visible": visible})]
    parts += [(EncoderGraph(model, slot), example_clip(spec, 7)) for slot, spec in enumerate(PAIR)]
    for part, inputs in parts:
        three = {name: value[:3] for name, value in inputs.items()}
        sizes = {name: {0: torch.export.Dim("batch", min=1)} for name in inputs}
        part.eval()(**three)  # tables that are made on first use
        graph = torch.export.export(part, (), three, dynamic_shapes=sizes).module()
        torch.testing.assert_close(graph(**inputs), part(**inputs))


def test_specialists_give_encoders_and_classifiers_by_name(tmp_path: Path) -> None:
    names = list("abcde")
    folders = []
    for spec in VECTORS[:2]:
        alone = tiny_classifier(ModalitySet([spec]), token_heads=True)
        alone.classes = tuple(names)
        folders.append(save_model(alone, tmp_path / spec["name"]))
    model = paired(kept=1)
    done = initialise(model, folders[:1])
    assert set(done.loaded) == {"space encoder of sound", "time encoder of sound", "token head of sound"}
    theirs = load_model(folders[0]).state_dict()
    for ours, other in (("encoder", "encoders.0"), ("head", "token_heads.0")):
        for name, value in model.lost_stream.get_submodule(ours).state_dict().items():
            assert torch.equal(value, theirs[f"{other}.{name}"])
    assert len(initialise(model, folders).loaded) == 4


class WholeClip(nn.Module):
    """Features [R, T, channels] → [R, 16] of the whole clip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 16)

    def forward(self, clip: Tensor, *, frame_available: Tensor | None = None) -> Tensor:
        return self.linear(clip.mean(dim=1))


@pytest.fixture
def _whole_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_ENCODERS", dict(registry._ENCODERS))
    registry.register_encoder("whole", kinds=("features",), whole_clip=True)(lambda spec, _: WholeClip(*spec.shape))


@pytest.mark.usefixtures("_whole_clip")
@torch.no_grad()
def test_an_encoder_of_whole_clips_gives_one_frame() -> None:
    model = paired(encoders={"sound": "whole", "touch": "whole"})
    assert [model.length(slot) for slot in (0, 1)] == [1, 1]
    batch = tiny_batch(PAIR, 3, available=torch.tensor([[True, True], [True, False], [False, True]]), lost_frames=True)
    assert model(batch).tokens.shape == (3, 2, 2 * 17)
    batch.frame_available.clear()  # a whole clip is one frame, which exists
    for row, subset in enumerate([(0, 1), (0,), (1,)]):
        torch.testing.assert_close(model(batch).logits[row], one_clip(model, batch, row, subset))


@pytest.mark.usefixtures("_whole_clip")
def test_what_is_no_pair_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not 3 \(sound, touch, smell\): name exactly two modalities"):
        paired(ModalitySet(VECTORS))
    for whole, frames in (("sound", "touch"), ("touch", "sound")):
        with pytest.raises(
            ValueError, match=f"the encoder of {whole} reads whole clips, that of {frames} single frames"
        ):
            paired(encoders={whole: "whole"})

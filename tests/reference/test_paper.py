"""The package against the loops of `paper.py`, and proof that each comparison can fail.

Every check takes the reference module, so that a copy of it with one deliberate mistake can be put in its place: if the
comparison does not notice the mistake, it proves nothing about the package either.
"""

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest
import timm
import torch
from torch import Tensor, nn

from actionmae.core.subsets import all_subsets
from actionmae.methods import Draws
from actionmae.nn import ActionMAE, ClassifierConfig, build_classifier
from actionmae.nn.attention import Block, SelfAttention, Transformer, sincos_positions
from actionmae.nn.config import TransformerConfig
from actionmae.nn.fusion import ConcatFusion, SumFusion, TransformerFusion
from actionmae.nn.losses import reconstruction_loss
from actionmae.nn.time_transformer import TimeTransformer
from actionmae.nn.timm_network import timm_encoder
from helpers.builders import tiny_batch, tiny_modalities
from helpers.methods import method_for
from reference import paper as true_paper

C, HEADS, M = 8, 2, 3
SIZES = {"dim": C, "num_heads": HEADS, "mlp_dim": 12}
MODES = ("input", "attention")


def shaken(module: nn.Module) -> nn.Module:
    """Float64, and no parameter at a special value (LayerNorm starts at 1 and 0, which would hide mistakes)."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module.double().eval()


def params(module: nn.Module) -> dict[str, list]:
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def same(got: Tensor, wanted: Iterable) -> None:
    torch.testing.assert_close(got.double(), torch.tensor(wanted, dtype=torch.float64), atol=1e-5, rtol=1e-5)


def visible_of(*subsets: Iterable[int]) -> Tensor:
    visible = torch.zeros(len(subsets), M, dtype=torch.bool)
    for row, subset in enumerate(subsets):
        visible[row, list(subset)] = True
    return visible


def eq1(paper: ModuleType) -> None:
    encoder = timm_encoder("test_resnet", embed_dim=96, frame_shape=(3, 16, 16), rescale=False).eval()
    network = timm.create_model("test_resnet", num_classes=0).eval()
    network.load_state_dict(encoder.network.state_dict())
    frames = torch.randn(1, 2, 3, 64, 32)
    with torch.no_grad():
        maps = network.forward_features(frames[0])
        assert maps.shape[2] != 1
        same(encoder(frames)[0], [paper.eq1(feature_map.tolist()) for feature_map in maps])


def eq2(paper: ModuleType) -> None:
    cls, x = torch.randn(C, dtype=torch.float64), torch.randn(5, C, dtype=torch.float64)
    got = torch.cat([cls[None], x]) + sincos_positions(6, C)
    same(got, paper.eq2(cls.tolist(), dict(enumerate(x.tolist()))))


def eq3_to_4(paper: ModuleType) -> None:
    block = shaken(Block(**SIZES))
    x = torch.randn(2, 4, C, dtype=torch.float64)
    same(block(x), [paper.eq3_to_4(row, params(block), HEADS) for row in x.tolist()])


def eq5(paper: ModuleType) -> None:
    z, z_hat = torch.randn(2, 4, M, C, dtype=torch.float64)
    dropped = [[], [0], [1, 2], [0, 2]]
    for mean, norm in product((True, False), repeat=2):
        reduction = "mean" if mean else "sum"
        got = reconstruction_loss(z_hat, z, visible_of(*dropped), reduction=reduction, normalize_target=norm)
        same(got, paper.eq5(z.tolist(), z_hat.tolist(), dropped, mean=mean, norm=norm))


def eq6(paper: ModuleType) -> None:
    modalities = tiny_modalities("skeleton", "inertial")
    options = {"embed_dim": C, "num_heads": HEADS, "mlp_dim": 12, "fusion": "sum"}
    model = build_classifier(modalities, 5, config=ClassifierConfig(action_mae=True, **options)).eval()
    weights = {"cls_weight": 0.7, "rec_weight": 3.0, "label_smoothing": 0.2}
    method = method_for(model, drop_per="sample", **weights)
    batch = tiny_batch(modalities, batch=6)
    step = method.step(batch, Draws.from_seed(1))
    out = step.output
    dropped = [row.nonzero().flatten().tolist() for row in batch.available & ~out.visible]
    assert any(dropped)
    rec = paper.eq5(out.tokens.tolist(), out.reconstructed.tolist(), dropped, mean=True, norm=False)
    cls = paper.cross_entropy(out.logits.tolist(), batch.labels.tolist(), 0.2)
    same(sum(step.losses.values()), paper.eq6(cls, rec, 0.7, 3.0))


def eq7_to_10(paper: ModuleType) -> None:
    attention = shaken(SelfAttention(dim=C, num_heads=HEADS))
    x = torch.randn(2, 5, C, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True, False, True, True, False]])
    inner = sincos_positions(5, C)
    for pos in (None, inner):
        got = attention(x, mask=mask, pos=pos)
        for row, keep in enumerate(mask):
            places = None if pos is None else [paper.position(at, C) for at in keep.nonzero().flatten().tolist()]
            same(got[row, keep], paper.eq7_to_10(x[row, keep].tolist(), params(attention), HEADS, places))


def final_norm(paper: ModuleType) -> None:
    x = torch.randn(1, 3, C, dtype=torch.float64)
    for last in (True, False):
        stack = shaken(Transformer(TransformerConfig(depth=2, final_norm=last, **SIZES)))
        same(
            stack(x, pos=sincos_positions(3, C))[0],
            paper.layers(x[0].tolist(), [0, 1, 2], params(stack), HEADS, "input"),
        )


def time_transformer(paper: ModuleType) -> None:
    x = torch.randn(3, 5, C, dtype=torch.float64)
    keep = torch.tensor([[True] * 5, [False, True, False, True, True], [False] * 4 + [True]])
    for mode in MODES:
        module = shaken(TimeTransformer(num_frames=5, config=TransformerConfig(depth=2, positions=mode, **SIZES)))
        lost = x.masked_fill(~keep[:, :, None], torch.nan)
        wanted = []
        for row, kept in zip(x.tolist(), keep.tolist(), strict=True):
            frames = {i: frame for i, frame in enumerate(row) if kept[i]}
            wanted.append(paper.time_transformer(frames, params(module), HEADS, mode))
        same(module(lost, frame_available=keep), wanted)


def action_mae(paper: ModuleType) -> None:
    subsets = all_subsets(M)
    tokens = torch.randn(len(subsets), M, C, dtype=torch.float64)
    for mode, memories in product((*MODES, "none"), (1, 2, 0)):
        mae = shaken(ActionMAE(M, C, depth=1, num_heads=HEADS, num_memory_tokens=memories, mlp_dim=12, positions=mode))
        out = mae(tokens, visible_of(*subsets))
        for row, subset in enumerate(subsets):
            visible = {m: tokens[row, m].tolist() for m in subset}
            filled, reconstructed = paper.action_mae(visible, M, params(mae), HEADS, mode)
            same(out.reconstructed[row], reconstructed)
            same(out.tokens[row], filled)


def fusion(paper: ModuleType, kind: type[nn.Module], **options: object) -> None:
    subsets = all_subsets(M)
    module = shaken(kind(num_modalities=M, num_classes=4, **options))
    weights = params(module)
    tokens = torch.randn(len(subsets), M, C, dtype=torch.float64)
    visible = visible_of(*subsets)
    got = module(tokens.masked_fill(~visible[:, :, None], torch.nan), visible)
    for row, subset in enumerate(subsets):
        there = {m: tokens[row, m].tolist() for m in subset}
        if kind is SumFusion:
            wanted = paper.sum_fusion(there, weights)
        elif kind is ConcatFusion:
            wanted = paper.concat_fusion(there, M, weights)
        else:
            wanted = paper.transformer_fusion(there, weights, HEADS, options["config"].positions)
        same(got[row], wanted)


def transformer_fusion(paper: ModuleType) -> None:
    for mode in MODES:
        fusion(paper, TransformerFusion, config=TransformerConfig(depth=2, positions=mode, **SIZES))


CHECKS: dict[str, Callable[[ModuleType], None]] = {
    "Eq. 1": eq1,
    "Eq. 2": eq2,
    "Eq. 3–4": eq3_to_4,
    "Eq. 5": eq5,
    "Eq. 6": eq6,
    "Eq. 7–10": eq7_to_10,
    "final norm": final_norm,
    "time transformer": time_transformer,
    "ActionMAE": action_mae,
    "sum": lambda paper: fusion(paper, SumFusion, dim=C),
    "concat": lambda paper: fusion(paper, ConcatFusion, dim=C),
    "transformer fusion": transformer_fusion,
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_package_computes_what_the_paper_says(name: str) -> None:
    CHECKS[name](true_paper)


NORM1, NORM2 = ('params["normX.weight"], params["normX.bias"]'.replace("X", digit) for digit in "12")
HEAD_CHUNK = "slice(head * head_width, (head + 1) * head_width)"
SUM_STEP = "out = add(out, term) if out else term"

MISTAKES = [
    # what is checked, the mistake, the reference's own words, the mistaken words
    ("Eq. 1", "sum instead of average", "total / cells", "total"),
    ("Eq. 2", "frames one place early", "add(frames[i], position(i + 1, width))", "add(frames[i], position(i, width))"),
    ("Eq. 2", "no position on cls", "[add(cls, position(0, width))]", "[cls]"),
    ("Eq. 2", "sine and cosine exchanged", "[math.sin(angle), math.cos(angle)]", "[math.cos(angle), math.sin(angle)]"),
    ("Eq. 2", "wrong rates", "(2 * i / width)", "(i / width)"),
    ("Eq. 3–4", "LayerNorms exchanged", NORM1, NORM2),
    ("Eq. 3–4", "post-LN attention", "eq7_to_10(normed,", "eq7_to_10(xs,"),
    ("Eq. 3–4", "residual from the norm", "zip(attended, xs, strict=True)", "zip(attended, normed, strict=True)"),
    ("Eq. 3–4", "no second residual", "params), y))", "params), [0.0] * len(y)))"),
    ("Eq. 3–4", "ReLU", "0.5 * value * (1 + math.erf(value / math.sqrt(2)))", "max(value, 0.0)"),
    ("Eq. 5", "no 1/K", "total += sample / len(slots)", "total += sample"),
    ("Eq. 5", "N in place of K", "total += sample / len(slots)", "total += sample / len(z)"),
    ("Eq. 5", "K = 0 not counted", "return total / len(tokens)", "return total / sum(map(bool, dropped))"),
    ("Eq. 5", "always the sum over C", "squares / len(target) if mean", "squares if mean"),
    ("Eq. 5", "reconstruction of another slot", "zip(target, z_hat[j],", "zip(target, z_hat[j - 1],"),
    ("Eq. 6", "weights exchanged", "cls_weight * cls + rec_weight * rec", "rec_weight * cls + cls_weight * rec"),
    ("Eq. 6", "no label smoothing", "target = smoothing / len(row) + (1 - smoothing if", "target = (1.0 if"),
    ("Eq. 6", "smoothing over the others only", "smoothing / len(row)", "smoothing / (len(row) - 1)"),
    ("Eq. 7–10", "scaled by the whole width", "math.sqrt(head_width)", "math.sqrt(width)"),
    ("Eq. 7–10", "no positions on V", "inner is None else add", "inner is None or which == 2 else add"),
    ("Eq. 7–10", "no softmax denominator", "score / sum(scores)", "score / len(scores)"),
    ("Eq. 7–10", "heads interleaved", HEAD_CHUNK, "slice(head, None, num_heads)"),
    ("Eq. 7–10", "no bias after the heads", 'params["proj.bias"]', 'len(params["proj.bias"]) * [0.0]'),
    ("final norm", "never normed", 'if "norm.weight" not in params:', "if True:"),
    ("final norm", "one layer too few", "for layer in range(depth)", "for layer in range(depth - 1)"),
    ("time transformer", "frames move up", "places.append(i + 1)", "places.append(len(places))"),
    ("time transformer", "last frame instead of cls", "return out[0]", "return out[-1]"),
    ("ActionMAE", "visible tokens move up", "given_places.append(m + 1)", "given_places.append(len(given_places))"),
    ("ActionMAE", "no memory token", 'memory = params["memory_token"][0]', "memory = []"),
    ("ActionMAE", "decoder one place early", "all_places.append(m + 1)", "all_places.append(m)"),
    ("ActionMAE", "dummies at the end", "rest.pop(0) if m in tokens", "rest.pop(0) if rest"),
    ("ActionMAE", "memory read as a modality", "decoded[len(memory) :]", "decoded[:num_modalities]"),
    ("ActionMAE", "visible tokens replaced too", "tokens[m] if m in tokens else rec", "rec"),
    ("ActionMAE", "one stack for both", 'part(params, "decoder.")', 'part(params, "encoder.")'),
    ("sum", "bias of an absent modality", SUM_STEP, 'out = add(out or params["heads.0.bias"], term)'),
    ("sum", "one layer for all", 'params[f"heads.{m}.weight"]', 'params["heads.0.weight"]'),
    ("concat", "whole bias for each", "value / num_modalities for", "value for"),
    ("concat", "size of S in place of N", "value / num_modalities for", "value / len(tokens) for"),
    ("concat", "interleaved sub-matrices", "row[m * len(token) : (m + 1) * len(token)]", "row[m::num_modalities]"),
    ("transformer fusion", "tokens move up", "   places.append(m + 1)", "   places.append(len(places))"),
    ("transformer fusion", "last token instead of cls", "linear(last[0],", "linear(last[-1],"),
]


@pytest.mark.parametrize(("name", "mistake", "words", "mistaken"), MISTAKES, ids=[f"{m[0]}: {m[1]}" for m in MISTAKES])
def test_the_comparison_notices(name: str, mistake: str, words: str, mistaken: str) -> None:
    source = Path(true_paper.__file__).read_text(encoding="utf-8")
    assert source.count(words) == 1, f"{mistake}: the reference no longer says {words!r} exactly once"
    broken = ModuleType("broken")
    exec(compile(source.replace(words, mistaken), "broken", "exec"), broken.__dict__)
    with pytest.raises((AssertionError, ZeroDivisionError)):
        CHECKS[name](broken)


def test_every_check_has_a_mistake_that_it_notices() -> None:
    assert {mistake[0] for mistake in MISTAKES} == set(CHECKS)

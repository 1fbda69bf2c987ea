"""The paper's equations with nothing but loops over numbers; shares no line with the package.

Vectors and matrices are lists; a token that is missing is not in the list. `Params` holds a module's parameters as
nested lists by name; `part(params, "a.")` are those below a name.
"""

import math

Vector = list[float]
Params = dict[str, list]


def part(params: Params, prefix: str) -> Params:
    return {name[len(prefix) :]: value for name, value in params.items() if name.startswith(prefix)}


def add(a: Vector, b: Vector) -> Vector:
    return [x + y for x, y in zip(a, b, strict=True)]


def linear(x: Vector, weight: list[Vector], bias: Vector) -> Vector:
    out = []
    for row, offset in zip(weight, bias, strict=True):
        total = offset
        for w, value in zip(row, x, strict=True):
            total += w * value
        out.append(total)
    return out


def layer_norm(x: Vector, weight: Vector, bias: Vector) -> Vector:
    mean = sum(x) / len(x)
    variance = sum((value - mean) ** 2 for value in x) / len(x)
    return [(v - mean) / math.sqrt(variance + 1e-5) * w + b for v, w, b in zip(x, weight, bias, strict=True)]


def position(place: int, width: int) -> Vector:
    """Vaswani et al. (2017), §3.5."""
    out = []
    for i in range(width // 2):
        angle = place / 10000 ** (2 * i / width)
        out += [math.sin(angle), math.cos(angle)]
    return out


def eq1(feature_map: list[list[Vector]]) -> Vector:
    """avgpool: feature map [C][H][W] → x."""
    out = []
    for channel in feature_map:
        total, cells = 0.0, 0
        for row in channel:
            for value in row:
                total += value
                cells += 1
        out.append(total / cells)
    return out


def eq2(cls: Vector, frames: dict[int, Vector]) -> list[Vector]:
    """[cls, x_1 … x_T] + pos; a lost frame is not in `frames`, the others keep their places."""
    width = len(cls)
    sequence = [add(cls, position(0, width))]
    for i in sorted(frames):
        sequence.append(add(frames[i], position(i + 1, width)))
    return sequence


def eq7_to_10(xs: list[Vector], params: Params, num_heads: int, inner: list[Vector] | None = None) -> list[Vector]:
    """Multi-head self-attention; `inner` is Eq. 7's p."""
    width = len(xs[0])
    head_width = width // num_heads
    queries, keys, values = [], [], []
    for n, x in enumerate(xs):
        qkv = linear(x, params["qkv.weight"], params["qkv.bias"])  # Eq. 7
        for which, target in enumerate((queries, keys, values)):
            vector = qkv[which * width : (which + 1) * width]
            target.append(vector if inner is None else add(vector, inner[n]))
    out = []
    for query in queries:
        heads: Vector = []
        for head in range(num_heads):
            chunk = slice(head * head_width, (head + 1) * head_width)
            scores = []
            for key in keys:
                dot = sum(q * k for q, k in zip(query[chunk], key[chunk], strict=True))
                scores.append(math.exp(dot / math.sqrt(head_width)))  # Eq. 8
            mixed = [0.0] * head_width
            for score, value in zip(scores, values, strict=True):
                mixed = add(mixed, [score / sum(scores) * v for v in value[chunk]])  # Eq. 9
            heads += mixed
        out.append(linear(heads, params["proj.weight"], params["proj.bias"]))  # Eq. 10
    return out


def ffn(x: Vector, params: Params) -> Vector:
    hidden = linear(x, params["mlp.0.weight"], params["mlp.0.bias"])
    hidden = [0.5 * value * (1 + math.erf(value / math.sqrt(2))) for value in hidden]
    return linear(hidden, params["mlp.3.weight"], params["mlp.3.bias"])


def eq3_to_4(xs: list[Vector], params: Params, num_heads: int, inner: list[Vector] | None = None) -> list[Vector]:
    """One pre-LN layer."""
    normed = [layer_norm(x, params["norm1.weight"], params["norm1.bias"]) for x in xs]
    attended = eq7_to_10(normed, part(params, "attention."), num_heads, inner)
    ys = [add(a, x) for a, x in zip(attended, xs, strict=True)]  # Eq. 3
    out = []
    for y in ys:
        out.append(add(ffn(layer_norm(y, params["norm2.weight"], params["norm2.bias"]), params), y))  # Eq. 4
    return out


def layers(xs: list[Vector], places: list[int], params: Params, num_heads: int, mode: str) -> list[Vector]:
    """All layers and the last LayerNorm; `mode` says where the positions of `places` enter."""
    positions = [position(place, len(xs[0])) for place in places]
    if mode == "input":
        xs = [add(x, p) for x, p in zip(xs, positions, strict=True)]
    depth = 1 + max(int(name.split(".")[1]) for name in params if name.startswith("blocks."))
    for layer in range(depth):
        xs = eq3_to_4(xs, part(params, f"blocks.{layer}."), num_heads, positions if mode == "attention" else None)
    if "norm.weight" not in params:
        return xs
    return [layer_norm(x, params["norm.weight"], params["norm.bias"]) for x in xs]


def time_transformer(frames: dict[int, Vector], params: Params, num_heads: int, mode: str) -> Vector:
    """Frames by index, the lost ones removed → cls_L."""
    sequence, places = [params["cls_token"][0][0]], [0]
    for i in sorted(frames):
        sequence.append(frames[i])
        places.append(i + 1)
    out = layers(sequence, places, part(params, "layers."), num_heads, mode)
    return out[0]


def action_mae(
    tokens: dict[int, Vector], num_modalities: int, params: Params, num_heads: int, mode: str
) -> tuple[list[Vector], list[Vector]]:
    """§3.1, Fig. 5 on one sample: visible tokens by slot → (all slots filled, ẑ at all slots)."""
    memory = params["memory_token"][0]
    given, given_places = list(memory), [0] * len(memory)
    for m in sorted(tokens):
        given.append(tokens[m])
        given_places.append(m + 1)
    latent = layers(given, given_places, part(params, "encoder."), num_heads, mode)
    whole, all_places = latent[: len(memory)], [0] * len(memory)
    rest = latent[len(memory) :]
    for m in range(num_modalities):
        whole.append(rest.pop(0) if m in tokens else params["dummy_token"][0][0])
        all_places.append(m + 1)
    decoded = layers(whole, all_places, part(params, "decoder."), num_heads, mode)
    reconstructed = decoded[len(memory) :]
    filled = []
    for m in range(num_modalities):
        filled.append(tokens[m] if m in tokens else reconstructed[m])
    return filled, reconstructed


def eq5(
    tokens: list[list[Vector]], reconstructed: list[list[Vector]], dropped: list[list[int]], *, mean: bool, norm: bool
) -> float:
    """(1/K) Σ_i (z − ẑ)² of each sample, averaged over the batch; `dropped` lists each sample's j_1 … j_K."""
    total = 0.0
    for z, z_hat, slots in zip(tokens, reconstructed, dropped, strict=True):
        sample = 0.0
        for j in slots:
            target = layer_norm(z[j], [1.0] * len(z[j]), [0.0] * len(z[j])) if norm else z[j]
            squares = 0.0
            for a, b in zip(target, z_hat[j], strict=True):
                squares += (a - b) ** 2
            sample += squares / len(target) if mean else squares
        if slots:
            total += sample / len(slots)
    return total / len(tokens)


def cross_entropy(logits: list[Vector], labels: list[int], smoothing: float) -> float:
    """§2.2's label smoothing: (1 − α) on the label and α / classes on every class."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for index, value in enumerate(row):
            target = smoothing / len(row) + (1 - smoothing if index == label else 0.0)
            total -= target * (value - log_sum)
    return total / len(logits)


def eq6(cls: float, rec: float, cls_weight: float, rec_weight: float) -> float:
    return cls_weight * cls + rec_weight * rec


def sum_fusion(tokens: dict[int, Vector], params: Params) -> Vector:
    """Σ_m FC^m(z^m) over what is there."""
    out: Vector = []
    for m in sorted(tokens):
        term = linear(tokens[m], params[f"heads.{m}.weight"], params[f"heads.{m}.bias"])
        out = add(out, term) if out else term
    return out


def concat_fusion(tokens: dict[int, Vector], num_modalities: int, params: Params) -> Vector:
    """Footnote 3: Σ_{m∈S} (W_m z^m + b / N), W_m a sub-matrix of the FC layer."""
    bias = [value / num_modalities for value in params["head.bias"]]
    out = [0.0] * len(bias)
    for m, token in tokens.items():
        sub_matrix = [row[m * len(token) : (m + 1) * len(token)] for row in params["head.weight"]]
        out = add(out, linear(token, sub_matrix, bias))
    return out


def transformer_fusion(tokens: dict[int, Vector], params: Params, num_heads: int, mode: str) -> Vector:
    """§2.3: FC of the class token of [cls, z^m …]."""
    sequence, places = [params["cls_token"][0][0]], [0]
    for m in sorted(tokens):
        sequence.append(tokens[m])
        places.append(m + 1)
    last = layers(sequence, places, part(params, "layers."), num_heads, mode)
    return linear(last[0], params["head.weight"], params["head.bias"])

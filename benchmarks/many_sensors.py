"""What the subsets of many sensors cost: time against their number, and against encoding the clips once."""

import torch

from actionmae.core.tensors import ClipBatch
from actionmae.evaluation.table import RobustnessTable
from actionmae.inference.subset_scoring import score_subsets
from actionmae.nn.build import build_classifier
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.config import ClassifierConfig
from benchmarks.result import Result
from benchmarks.setup import NUM_CLASSES, Sizes, make_batch
from benchmarks.timing import interleave

SENSORS = (3, 6, 8, 12)


def vectors_model(num_sensors: int, device: str) -> MultiModalClassifier:
    """ActionMAE over sensors whose encoders cost next to nothing, so that the subsets are what is timed."""
    config = ClassifierConfig(embed_dim=64, mlp_dim=128, num_heads=4, time_depth=1, action_mae=True)
    return _model(
        num_sensors, {"kind": "features", "shape": [8], "num_frames": 2, "encoder": "features"}, config, device
    )


def camera_model(num_sensors: int, sizes: Sizes, device: str) -> MultiModalClassifier:
    """ActionMAE over cameras, as in the other benchmarks."""
    config = ClassifierConfig(
        embed_dim=sizes.embed_dim, mlp_dim=sizes.mlp_dim, space_encoder=sizes.encoders[0], action_mae=True
    )
    shape = [3, sizes.pixels, sizes.pixels]
    fields = {"kind": "frames", "shape": shape, "num_frames": sizes.frames, "encoder": sizes.encoders[0]}
    return _model(num_sensors, fields, config, device)


def _model(num_sensors: int, fields: dict[str, object], config: ClassifierConfig, device: str) -> MultiModalClassifier:
    torch.manual_seed(0)
    value = "color" if fields["kind"] == "frames" else "raw"
    specs = [{"name": f"s{at}", "letter": f"S{at}", "value": value, **fields} for at in range(num_sensors)]
    return build_classifier(specs, NUM_CLASSES, config=config).eval().to(device)


def score_and_count(model: MultiModalClassifier, batches: list[ClipBatch]) -> RobustnessTable:
    """What evaluate does with clips that are decoded."""
    return RobustnessTable.from_scores(score_subsets(model, batches, classes=model.classes))


def run(sizes: Sizes, device: str) -> Result:
    """Time `score_and_count` for 3, 6, 8 and 12 sensors: vectors that nothing has to encode, and cameras."""
    light = {f"{size} vectors": vectors_model(size, device) for size in SENSORS}
    cameras = {f"{size} cameras": camera_model(size, sizes, device) for size in SENSORS}
    clips = dict.fromkeys(light, sizes.light_clips) | dict.fromkeys(cameras, sizes.clips)
    models = light | cameras
    batches = {
        name: [make_batch(model, [[True] * len(model.modalities)] * clips[name], device=device)]
        for name, model in models.items()
    }
    cases = {name: lambda name=name: score_and_count(models[name], batches[name]) for name in models}
    scored = {name: len(case().rows) for name, case in cases.items()}
    encode = torch.inference_mode()(lambda name: models[name].encode(batches[name][0]))
    once = {f"encoding {name}": lambda name=name: encode(name) for name in cameras}
    times = interleave(cases | once, rounds=sizes.rounds, device=device)
    rows = []
    for name, count in scored.items():
        first = next(each for each in scored if each.split()[1] == name.split()[1])
        of_encoding = str(times.ratio(name, f"encoding {name}")) if name in cameras else ""
        more = (f"{count / scored[first]:.1f} ×", str(times.ratio(name, first)))
        rows.append((name, str(count), str(times.of(name)), *more, of_encoding))
    about = (
        f"`evaluate` without decoding: {sizes.light_clips} clips of vectors, whose encoders cost next to nothing, and "
        f"{sizes.clips} of cameras, {sizes.frames} × {sizes.pixels}², {sizes.encoders[0]}."
    )
    return Result(
        title="The subsets of many sensors",
        about=about,
        columns=("sensors", "rows", "seconds", "rows, relative", "seconds, relative", "of one encoding"),
        rows=rows,
        seconds=times.seconds,
    )

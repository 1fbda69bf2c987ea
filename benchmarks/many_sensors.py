"""What the subsets of many sensors cost: time against their number, and against one encoding."""

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
CAMERAS = 6


def vectors_model(num_sensors: int, device: str) -> MultiModalClassifier:
    """ActionMAE over sensors whose encoders cost next to nothing, so that the subsets are what is timed."""
    config = ClassifierConfig(embed_dim=64, mlp_dim=128, num_heads=4, time_depth=1, action_mae=True)
    return _model(
        num_sensors, {"kind": "features", "shape": [8], "num_frames": 2, "encoder": "features"}, config, device
    )


def camera_model(sizes: Sizes, device: str) -> MultiModalClassifier:
    """ActionMAE over cameras, as in the other benchmarks."""
    config = ClassifierConfig(
        embed_dim=sizes.embed_dim, mlp_dim=sizes.mlp_dim, space_encoder=sizes.encoders[0], action_mae=True
    )
    shape = [3, sizes.pixels, sizes.pixels]
    fields = {"kind": "frames", "shape": shape, "num_frames": sizes.frames, "encoder": sizes.encoders[0]}
    return _model(CAMERAS, fields, config, device)


def _model(num_sensors: int, fields: dict[str, object], config: ClassifierConfig, device: str) -> MultiModalClassifier:
    torch.manual_seed(0)
    value = "color" if fields["kind"] == "frames" else "raw"
    specs = [{"name": f"s{at}", "letter": f"S{at}", "value": value, **fields} for at in range(num_sensors)]
    return build_classifier(specs, NUM_CLASSES, config=config).eval().to(device)


def score_and_count(model: MultiModalClassifier, batches: list[ClipBatch]) -> RobustnessTable:
    """What evaluate does with clips that are decoded."""
    return RobustnessTable.from_scores(score_subsets(model, batches, classes=model.classes))


def run(sizes: Sizes, device: str) -> Result:
    """Time `score_and_count` for 3, 6, 8 and 12 sensors, and for 6 cameras against encoding them once."""
    models = {size: vectors_model(size, device) for size in SENSORS}
    clips = sizes.light_clips
    batches = {size: [make_batch(models[size], [[True] * size] * clips, device=device)] for size in SENSORS}
    cases = {f"{size} sensors": lambda size=size: score_and_count(models[size], batches[size]) for size in SENSORS}
    scored = {name: len(case().rows) for name, case in cases.items()}
    times = interleave(cases, rounds=sizes.rounds, device=device)
    first, rows = f"{SENSORS[0]} sensors", []
    for name, count in scored.items():
        more = count / scored[first]
        rows.append((name, str(count), str(times.of(name)), f"{more:.1f} ×", str(times.ratio(name, first))))
    cameras = camera_model(sizes, device)
    batch = make_batch(cameras, [[True] * CAMERAS] * sizes.clips, device=device)
    pair = interleave(
        {
            "encode": torch.inference_mode()(lambda: cameras.encode(batch)),
            "all subsets": lambda: score_and_count(cameras, [batch]),
        },
        rounds=sizes.rounds,
        device=device,
    )
    rows.append((f"{CAMERAS} cameras, {sizes.encoders[0]}", "63", str(pair.of("all subsets")), "", ""))
    about = (
        f"`evaluate` without decoding: {clips} clips of sensors whose encoders cost next to nothing. "
        f"{CAMERAS} cameras of {sizes.frames} × {sizes.pixels}², {sizes.clips} clip: all subsets take "
        f"{pair.ratio('all subsets', 'encode')} of one encoding."
    )
    return Result(
        title="The subsets of many sensors",
        about=about,
        columns=("sensors", "rows", "seconds", "rows, relative", "seconds, relative"),
        rows=rows,
        seconds=times.seconds | {f"cameras/{case}": values for case, values in pair.seconds.items()},
    )

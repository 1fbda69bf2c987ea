"""The verb predict: one clip, many clips, or one long recording."""

import json as json_format
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actionmae.cli.clips import names_recording, recordings
from actionmae.cli.progress import ClipCounter

if TYPE_CHECKING:
    from actionmae.inference.clip_lists import Clips
    from actionmae.inference.clip_predictor import ClipPredictor
    from actionmae.inference.prediction import Prediction, Vote

log = logging.getLogger(__name__)

DONT_KNOW = "don't know"


def predict(
    model: Path,
    inputs: list[str],
    *,
    top: int = 5,
    why: bool = False,
    min_confidence: float = 0.0,
    health: bool = False,
    window: float | None = None,
    stride: float | None = None,
    out: Path | None = None,
    json: bool = False,
    batch_size: int = 32,
    device: str = "cpu",
) -> int:
    """Predict from whichever recordings exist: one clip, many, or one long recording; exit code 1 if a part failed.

    Args:
        model: Model folder, or what export wrote, which starts and answers without torch.
        inputs: modality=path, as in rgb=a.avi depth=a_depth/; the same with {clip} in the place of the clips' names; or
            a manifest.
        top: How many classes.
        why: Also say what each sensor says alone, and how much of the answer's probability goes without it.
        min_confidence: Below this probability the answer is "don't know".
        health: Treat recordings that are recognisably broken as missing; the model must be calibrated.
        window: Seconds; slide over a long recording and tell what happens when.
        stride: Seconds from one window to the next; default: half a window.
        out: .jsonl or .csv for the answers.
        json: Print JSON.
        batch_size: Clips, or windows, in memory at once.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
    """
    from actionmae.inference.answers import check_answers_path
    from actionmae.inference.clip_lists import CLIP, manifest_clips, pattern_clips

    files = _files(inputs)
    if out is not None:
        check_answers_path(out)
    predictor = _load(model, device, {"min_confidence": min_confidence, "health": health})
    many = files is None or any(CLIP in path for path in files.values())
    if window is not None or stride is not None:
        if window is None or files is None or many:
            raise ValueError("windows slide over one recording: give its paths as name=path, and --window in seconds")
        options = {"window": window, "stride": window / 2 if stride is None else stride, "batch_size": batch_size}
        return _predict_windows(predictor, files, out, json, options)
    if many:
        names = predictor.model.modalities.names
        clips = manifest_clips(Path(inputs[0]), names) if files is None else pattern_clips(files)
        return _predict_clips(predictor, clips, out, json, {"top": top, "why": why, "batch_size": batch_size})
    prediction = predictor.predict_many([files or {}], top=top, why=why)[0]  # any name, even "top"
    print(json_format.dumps(prediction.to_dict(), indent=2, ensure_ascii=False) if json else _text(prediction))
    _write(out, [{"sample": "clip", **prediction.to_dict()}])
    return 0


def _load(folder: Path, device: str, options: Mapping[str, Any]) -> "ClipPredictor[Any]":
    from actionmae.inference.onnx_model import is_export

    if is_export(folder):
        if device not in ("auto", "cpu"):
            raise ValueError(f"device is {device}, but {folder} is an export, which runs on the CPU: leave device out")
        from actionmae.inference.onnx_predictor import OnnxPredictor

        return OnnxPredictor.load(folder, **options)
    from actionmae.inference.predictor import Predictor

    return Predictor.load(folder, device=device, **options)


def _files(inputs: list[str]) -> dict[str, str] | None:
    """Paths by modality; None = a manifest."""
    from actionmae.data.cell_text import TABLES

    if len(inputs) == 1 and not names_recording(inputs[0]) and Path(inputs[0]).suffix.lower() in ("", *TABLES):
        return None
    return recordings(inputs)


def _predict_clips(
    predictor: "ClipPredictor[Any]", clips: "Clips", out: Path | None, json: bool, options: Mapping[str, Any]
) -> int:
    failed: list[str] = []
    partly: list[str] = []

    def records() -> Iterator[dict[str, Any]]:
        with ClipCounter("predicting") as counter:
            answers = predictor.predict_each(clips, **options)
            for done, ((name, _), answer) in enumerate(zip(clips, answers, strict=True), start=1):
                record = {"sample": name, **answer.to_dict()}
                failed.extend([f"{name}: {record['error']}"] if "error" in record else [])
                partly.extend(f"{name} without {each}: {why}" for each, why in record.get("broken", {}).items())
                yield record
                counter.reach(done, len(clips))

    if out is None:
        for record in records():
            print(json_format.dumps(record, ensure_ascii=False) if json else _line(record), flush=True)
    else:
        _write(out, records())
        print(f"{out}: {len(clips)} clips, {len(failed)} not predicted")
    return _tell_troubles("clips", partly, failed)


def _predict_windows(
    predictor: "ClipPredictor[Any]",
    files: Mapping[str, str],
    out: Path | None,
    json: bool,
    options: Mapping[str, Any],
) -> int:
    from actionmae.inference.prediction import Failure
    from actionmae.inference.windows import merge_windows

    found = predictor.predict_windows(files, **options)
    good = [(each, answer) for each, answer in found if not isinstance(answer, Failure)]
    segments = [segment.to_dict() for segment in merge_windows(good)]
    windows = [{"start": each.start, "end": each.end, **answer.to_dict()} for each, answer in found]
    if json:
        print(json_format.dumps({"segments": segments, "windows": windows}, indent=2, ensure_ascii=False))
    else:
        for each in segments:
            label = each["label"] or DONT_KNOW
            print(f"{each['start']:8.2f} – {each['end']:.2f} s  {100 * each['probability']:5.1f} %  {label}")
    _write(out, windows)
    partly = [f"{name}: {why}" for _, answer in good for name, why in answer.broken.items()]
    failed = [f"{each['start']:.2f} – {each['end']:.2f} s: {each['error']}" for each in windows if "error" in each]
    return _tell_troubles("windows", list(dict.fromkeys(partly)), failed)


def _tell_troubles(what: str, partly: list[str], failed: list[str]) -> int:
    """Log what could not be used; returns the exit code."""
    titles = ("broken recordings that were not used", f"{what} that were not predicted")
    for title, lines in zip(titles, (partly, failed), strict=True):
        if lines:
            log.warning("%s (%d):\n  %s", title, len(lines), "\n  ".join(lines))
    return 1 if failed else 0


def _write(out: Path | None, records: Iterable[dict[str, Any]]) -> None:
    from actionmae.inference.answers import write_answers

    if out is not None:
        write_answers(out, records)


def _line(record: Mapping[str, Any]) -> str:
    if "error" in record:
        return f"{record['sample']}  not predicted"
    best = record["classes"][0]
    label = best["name"] if record["sure"] else DONT_KNOW
    return f"{record['sample']}  {100 * best['probability']:5.1f} %  {label}  from {' + '.join(record['available'])}"


def _text(prediction: "Prediction") -> str:
    lines = [f"{name} is not used: {reason}" for name, reason in prediction.broken.items()]
    missing = f" (missing: {', '.join(prediction.missing)})" if prediction.missing else ""
    lines.append(f"from {' + '.join(prediction.available)}{missing}" + ("" if prediction.sure else f": {DONT_KNOW}"))
    ranked = zip(prediction.classes, prediction.probabilities, strict=True)
    lines += [f"{100 * probability:5.1f} %  {name}" for name, probability in ranked]
    for vote in prediction.votes:
        alone = f"{vote.label} ({100 * (vote.probability or 0):.1f} %)" if vote.label else "nothing"
        lines.append(f"{vote.modality} alone says {alone}{_without(vote, prediction.label)}")
    return "\n".join(lines)


def _without(vote: "Vote", label: str) -> str:
    if vote.leave_one_out is None:
        return ""
    moves = "falls" if vote.leave_one_out >= 0 else "rises"
    return f"; without it {label} {moves} by {100 * abs(vote.leave_one_out):.1f} points"

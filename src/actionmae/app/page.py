"""The page itself, in Gradio: choose a clip, switch sensors, look."""

import html
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actionmae.app.stage import Scene, Shown, all_modalities, chances, play, suffixes, uploaded, usable_clips
from actionmae.app.uploads import DELETED_EVERY
from actionmae.core.modality import ModalitySpec
from actionmae.data.cell import Cell
from actionmae.data.manifest import Manifest
from actionmae.inference.what_if import Switch, Trace, states_of
from actionmae.report.curves import curves_html

UPLOAD = "your own recordings"


def build_page(
    gradio: Any, shown: Sequence[Shown], manifest: Manifest | None, *, kept_seconds: int, answering: threading.Lock
) -> Any:
    """The widgets, and what each of them asks for; not yet served.

    Args:
        gradio: The library.
        shown: The models.
        manifest: Of the clips to choose from.
        kept_seconds: Uploads are deleted when they are older.
        answering: Held while a click is answered.
    """
    specs = all_modalities(shown)
    clips = usable_clips(manifest, shown) if manifest else {}
    with gradio.Blocks(title="actionmae", delete_cache=(DELETED_EVERY, kept_seconds), analytics_enabled=False) as page:
        gradio.Markdown(
            "# What if a sensor fails?\nChoose a clip, switch sensors off or break them, and see what is left."
        )
        with gradio.Row():
            with gradio.Column(min_width=300):
                clip = gradio.Dropdown([UPLOAD, *clips], value=next(iter(clips), UPLOAD), label="Clip", filterable=True)
                with gradio.Accordion("Your own recordings", open=not clips):
                    files = [_upload(gradio, spec) for spec in specs.values()]
                window = gradio.Slider(
                    0, 10, 0, step=0.5, label="Seconds of the past that an answer is about (0: all so far)", buttons=[]
                )
            with gradio.Column(min_width=300):
                switches = [part for spec in specs.values() for part in _switch(gradio, spec)]
        button = gradio.Button("Play", variant="primary")
        said = gradio.HTML(elem_classes="said")
        picture = gradio.Image(
            label="What the models see",
            show_label=False,
            interactive=False,
            buttons=["fullscreen", "download"],
            alt_text="Frames of each sensor in time",
            elem_classes="seen",
        )
        answers = []
        with gradio.Row():
            for each in shown:
                with gradio.Column(min_width=300):
                    gradio.Markdown(f"## {html.escape(each.name)}")
                    answers += [
                        gradio.Label(label="Answer at the end"),
                        gradio.HTML(elem_classes="curves"),
                        gradio.HTML(label="Sensors", elem_classes="sensors"),
                    ]

        def run(*given: Any) -> list[Any]:
            paths = given[2 : 2 + len(files)]
            try:
                with answering:
                    scene = _ask(given, specs, clips, shown)
            except (ValueError, OSError) as error:
                return [_alert([str(error)], paths), None, *[None] * len(answers)]
            told = [f"{name} is not used: {reason}" for name, reason in scene.broken.items()]
            return [_alert(told, paths), scene.picture, *_outputs(scene, shown, paths)]

        given = [clip, window, *files, *switches]
        asked = {"inputs": given, "outputs": [said, picture, *answers], "show_progress": "minimal", "api_name": "play"}
        button.click(run, **asked)
        hidden = asked | {"api_name": None, "api_visibility": "private", "trigger_mode": "always_last"}
        for part in (clip, window, *switches):
            (part.release if isinstance(part, gradio.Slider) else part.input)(run, **hidden)
    return page


def _upload(gradio: Any, spec: ModalitySpec) -> Any:
    """The place of a recording, in which what a webcam records is put, too."""
    file = gradio.File(
        label=spec.name, file_types=list(suffixes(spec)), type="filepath", height=140, elem_classes="upload"
    )
    if spec.value == "color":
        with gradio.Accordion(f"Record {spec.name} with the webcam", open=False):
            camera = gradio.Video(
                sources=["webcam"],
                webcam_options=gradio.WebcamOptions(mirror=False),  # left stays left
                include_audio=False,
                label=f"{spec.name} from the webcam",
                elem_classes="upload",
            )
            camera.stop_recording(None, camera, file, js="(video) => video")
    return file


def _switch(gradio: Any, spec: ModalitySpec) -> list[Any]:
    with gradio.Group(), gradio.Row():
        return [
            gradio.Dropdown(list(states_of(spec)), value="on", label=f"{spec.name} is", min_width=110),
            gradio.Slider(0, 10, 0, step=0.1, label=f"{spec.name}: from second", buttons=[], min_width=130),
            gradio.Slider(1, 5, 3, step=1, label=f"{spec.name}: severity", buttons=[], min_width=110),
        ]


def _ask(
    given: Sequence[Any], specs: Mapping[str, ModalitySpec], clips: Mapping[str, Any], shown: Sequence[Shown]
) -> Scene:
    clip, window, *rest = given
    paths, settings = rest[: len(specs)], rest[len(specs) :]
    files: Mapping[str, Cell]
    if clip in clips:
        files, title = clips[clip].files, f"{clip}: {clips[clip].label}" if clips[clip].label else str(clip)
    else:
        there = {name: Path(path) for name, path in zip(specs, paths, strict=True) if path}
        files, title = uploaded(there, specs), UPLOAD
    triples = zip(settings[::3], settings[1::3], settings[2::3], strict=True)
    switches = {
        name: Switch(state=state, since=float(since), severity=int(severity))
        for name, (state, since, severity) in zip(specs, triples, strict=True)
    }
    return play(files, shown, switches, title=title, window=float(window) or None)


def _alert(sentences: Sequence[str], paths: Sequence[str | None]) -> str:
    """HTML that screen readers read aloud; of uploads only the names, not where this machine keeps them."""
    return "".join(f"<p role='alert'>{html.escape(_without_folders(each, paths))}</p>" for each in sentences)


def _without_folders(sentence: str, paths: Sequence[str | None]) -> str:
    for path in filter(None, paths):
        sentence = sentence.replace(f"{Path(path).parent}{os.sep}", "")
    return " ".join(sentence.split())


def _outputs(scene: Scene, shown: Sequence[Shown], paths: Sequence[str | None]) -> list[Any]:
    curves = [
        {} if isinstance(traced, str) else chances(traced, each.predictor.model.classes)
        for each, traced in zip(shown, scene.traces, strict=True)
    ]
    slots = {name: slot for slot, name in enumerate(dict.fromkeys(name for points in curves for name in points))}
    found: list[Any] = []
    for each, traced, points in zip(shown, scene.traces, curves, strict=True):
        if isinstance(traced, str):
            found += [None, None, _alert([traced], paths)]
            continue
        said = traced.prediction
        found += [
            dict(zip(said.classes, said.probabilities, strict=True)),
            curves_html(points, title="Probability (percent) over time (seconds)", slots=slots),
            sensors_table(each, traced),
        ]
    return found


def sensors_table(shown: Shown, traced: Trace) -> str:
    """HTML: the accuracy to expect; what each sensor says alone, what is lost without it, how well it is rebuilt."""
    votes = {vote.modality: vote for vote in traced.prediction.votes}
    heads = ["sensor", "alone says", "lost without it"]
    if traced.distances:
        heads.append("recon\u00adstruction error")
    rows = []
    for name in shown.predictor.model.modalities.names:
        vote = votes.get(name)
        alone = "missing" if vote is None else "—"
        if vote is not None and vote.label is not None:
            alone = f"{html.escape(vote.label)} {vote.probability or 0:.0%}"
        lost = "" if vote is None or vote.leave_one_out is None else f"{vote.leave_one_out:+.0%}"
        cells = [alone, lost]
        if traced.distances:
            cells.append(f"{traced.distances[name]:.2f}" if name in traced.distances else "—")
        rows.append(f"<tr><th scope='row'>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    top1 = shown.expected.get(traced.subset)
    expected = "unknown: evaluate the model first" if top1 is None else f"{top1:.1f} %"
    columns = "".join(f"<th scope='col'>{head}</th>" for head in heads)
    table = (
        f"<p>Expected accuracy from {traced.subset}: <strong>{expected}</strong></p>"
        f"<table><thead><tr>{columns}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    if traced.distances:
        table += (
            "<p>Reconstruction error: 1 − cosine between a token as recorded and as rebuilt from other sensors.</p>"
        )
    return table

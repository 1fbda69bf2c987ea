"""The verbs about recordings: prepare, check and show them."""

import json as json_format
from pathlib import Path
from typing import Any, Literal

from actionmae.cli.progress import ClipCounter
from actionmae.cli.shard import parse_shard


def prepare(
    layout: str,
    root: Path | None = None,
    *,
    out: Path,
    crop: Literal["none", "person"] = "none",
    transcode: bool = True,
    short_side: int = 270,
    flow: bool = False,
    modalities: list[str | dict[str, Any]] | None = None,
    workers: int = 1,
    shard: str = "1/1",
    clips: int = 384,
    seed: int = 0,
) -> None:
    """Index raw recordings, transcode them once into small videos, list every broken file, write manifest.csv.

    Args:
        layout: A data set (ntu60, ntu120, ntu, nw_ucla, uwa3d, utd_mhad), or a Python file with a layout of your own
            (my_layout.py); folder for <label>/<clip>/<modality>.*; manifest for an existing CSV; synthetic to render
            recordings first.
        root: Folder with the raw recordings, or the CSV; not for synthetic.
        out: Folder to write into; a second call does only what is missing.
        crop: "person" cuts every image to the persons: by the skeleton's image coordinates (NTU RGB+D) or, for depth
            without background, by what is not 0.
        transcode: False = only index and check; the manifest then names the raw files.
        short_side: Pixels of the short side of colour; smaller recordings and other modalities keep their size.
        flow: Also derive optical flow from rgb.
        modalities: Only these; default: all that the layout knows.
        workers: Processes.
        shard: i/n does the i-th of n parts (a cluster's job array); the call without it then writes the manifest.
        clips: Clips to render (synthetic).
        seed: Of the rendering (synthetic).
    """
    from actionmae.data.prepare.run import prepare as prepare_recordings

    part, parts = parse_shard(shard)
    if layout == "synthetic":
        from actionmae.experiments.demo import render_recordings

        if root is not None:
            raise ValueError(f"root {root} was given, but synthetic recordings are rendered: leave it out")
        with ClipCounter("rendering") as counter:
            root = render_recordings(out / "recordings", clips=clips, seed=seed, progress=counter.reach)
        layout = "ntu"
    if root is None:
        raise ValueError(
            f"layout {layout} needs the folder with the raw recordings: actionmae prepare {layout} FOLDER --out {out}"
        )
    with ClipCounter("preparing") as counter:
        report = prepare_recordings(
            layout,
            root,
            out,
            crop=crop,
            transcode=transcode,
            short_side=short_side,
            flow=flow,
            modalities=modalities or (),
            workers=workers,
            shard=(part, parts),
            progress=counter.reach,
        )
    files = ", ".join(f"{count} {name}" for name, count in report.num_files.items())
    what = report.manifest if parts == 1 else f"shard {shard} (when all are done, run once more without --shard)"
    print(f"{what}: {report.num_clips} clips ({files}), {len(report.problems)} problems")


def check(
    manifest: Path,
    *,
    modalities: list[str | dict[str, Any]] | None = None,
    workers: int = 1,
    json: bool = False,
) -> int:
    """Read every file of a manifest once and report what would spoil a training; exit code 1 if there are errors.

    Args:
        manifest: The CSV.
        modalities: Only these; names, or mappings that change or define a modality; default: all columns.
        workers: Processes.
        json: Print JSON.
    """
    from actionmae.data.check.run import check_manifest

    with ClipCounter("checking") as counter:
        report = check_manifest(manifest, modalities=modalities or (), workers=workers, progress=counter.reach)
    print(json_format.dumps(report.to_dict(), indent=2, ensure_ascii=False) if json else report.to_text())
    return 1 if report.errors else 0


def show(
    inputs: list[str],
    *,
    out: Path = Path("clip.png"),
    model: Path | None = None,
    modalities: list[str | dict[str, Any]] | None = None,
) -> None:
    """Draw clips as the network gets them: every chosen frame, cropped and coloured, with its number and time.

    Args:
        inputs: A manifest and names of its samples, or modality=path, for example rgb=a.avi depth=a_depth/
        out: Picture to write (.png).
        model: Show what this model gets; default: the manifest's modalities at the size of the paper's input.
        modalities: Only these; names, or mappings that change or define a modality.
    """
    from actionmae.cli.clips import clips
    from actionmae.core.modality import ModalitySet

    rows, manifest = clips(inputs)
    if model is None:
        known, names = (manifest.specs, manifest.modalities) if manifest else ({}, tuple(rows[0].files))
        chosen = ModalitySet(modalities or names, known)
    elif modalities:
        raise ValueError("model and modalities were both given: the model says what it gets, leave one out")
    else:
        from actionmae.nn.checkpoint import read_config

        chosen = ModalitySet.from_list(read_config(model).modalities)
    from actionmae.inference.show import show_clips

    show_clips(rows, chosen, out)
    print(out)

"""The verb join: specialists, or several trainings of one model, into one model."""

from pathlib import Path


def join(
    models: list[str],
    *,
    out: Path,
    fit: Path | None = None,
    protocol: str = "split",
    split: str = "val",
    val_subjects: list[str] | None = None,
) -> None:
    """Join models of one modality each into one that adds the log-probabilities of whichever are present.

    Folders without a modality are trainings of one and the same model, whose log-probabilities are averaged.

    Args:
        models: MODALITY=FOLDER each, by letter or name, as in D=runs/depth/model S=runs/skeleton/model; or folders
            alone, as in runs/0/model runs/1/model
        out: The new model folder.
        fit: Manifest with clips on which a weight and a temperature of each modality are fitted; without it all are 1.
        protocol: "split" = that manifest's split column; otherwise a data set's rule, as in utd_mhad/cross-subject.
        split: Which clips to fit on; none that a specialist was trained on.
        val_subjects: Training subjects that were held out for validation.
    """
    from actionmae.inference.join import join_specialists, join_trainings
    from actionmae.nn.checkpoint import check_model_place

    check_model_place(out)
    if all(_is_folder(item) for item in models):
        if fit is not None:
            raise ValueError("--fit finds a weight for each modality's specialist: name each model's, as in D=FOLDER")
        print(f"model: {join_trainings([Path(item) for item in models], out)}")
        return
    folders: dict[str, Path] = {}
    for item in models:
        name, _, folder = item.partition("=")
        if _is_folder(item) or not name or not folder or name in folders:
            raise ValueError(
                f"{item!r} cannot be used: give each modality once as name=folder, as in D=runs/depth/model, or "
                "trainings of one model as folders alone"
            )
        folders[name] = Path(folder)
    written = join_specialists(
        folders, out, manifest=fit, protocol=protocol, split=split, val_subjects=val_subjects or ()
    )
    print(f"model: {written}")


def _is_folder(item: str) -> bool:
    """Whether it is a folder alone, whose own name may have an =."""
    return "=" not in item or Path(item).exists()

"""Model folders on a model hub: what is shared is the folder itself, with a card whose head the hub can read."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from actionmae.core.files import write_text
from actionmae.evaluation.table import RobustnessTable
from actionmae.inference.evaluate import read_table
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model, read_config, save_model

FILES = ("config.json", "model.safetensors", "README.md")
"""All that is sent or fetched: no pickle among them."""


def save_pretrained(model: SavedModel, folder: str | Path, *, provenance: Mapping[str, Any] | None = None) -> Path:
    """Write a model folder; `save_model` under the hub's name."""
    return save_model(model, folder, provenance=provenance)


def from_pretrained(
    name: str | Path,
    *,
    revision: str | None = None,
    device: torch.device | str = "cpu",
    token: str | None = None,
    endpoint: str | None = None,
    cache_dir: str | Path | None = None,
) -> SavedModel:
    """A model from a folder, or from the hub.

    Args:
        name: Model folder, or owner/name on the hub.
        revision: Branch, tag or commit on the hub; None = its main branch.
        device: Where the model is to run.
        token: The hub's access token; None = that of `hf auth login`.
        endpoint: Address of another hub.
        cache_dir: Where downloads are kept; None = huggingface_hub's place.

    Returns:
        The model in eval mode.

    Raises:
        FileNotFoundError: If it is neither a folder nor a name of the hub's form, or the hub has no such model.
        ImportError: If huggingface_hub is not installed.
        OSError: If the hub cannot be reached.
        ValueError: If what comes is no model folder of a known format, is damaged, or was edited.
    """
    if Path(name).is_dir():
        return load_model(name, device=device)
    if len(str(name).split("/")) != 2:
        raise FileNotFoundError(f"{name} is no folder, and no name on a hub: write owner/name")
    hub = _hub()
    with _one_sentence(str(name)):
        folder = hub.snapshot_download(
            str(name),
            revision=revision,
            allow_patterns=list(FILES),
            token=token,
            endpoint=endpoint,
            cache_dir=cache_dir,
        )
    return load_model(folder, device=device)


def push_to_hub(
    folder: str | Path,
    name: str,
    *,
    table: Path | None = None,
    datasets: Sequence[str] = (),
    license: str | None = None,
    private: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
    message: str = "Upload an actionmae model",
) -> str:
    """Send a model folder to the hub, its card with a head that the hub can read.

    Args:
        folder: Model folder; it is loaded first, so that nothing damaged is shared. It stays as it is.
        name: owner/name; made if it does not exist.
        table: robustness.json, one result for each of its subsets; None = the one beside the folder, if there is one.
        datasets: Names of the training data on the hub; none = that of the training's protocol.
        license: As the hub names it, for example apache-2.0.
        private: Whether a new repository is private.
        token: See `from_pretrained`.
        endpoint: See `from_pretrained`.
        message: Of the commit.

    Returns:
        Address of the commit.

    Raises:
        FileNotFoundError: If there is no model folder, or no such table.
        ImportError: If huggingface_hub is not installed.
        OSError: If the hub cannot be reached or refuses.
        ValueError: If the folder or the table is damaged, or `name` is no name.
    """
    folder = Path(folder)
    if len(name.split("/")) != 2:
        raise ValueError(f"{name!r} is no name on a hub: write owner/name")
    load_model(folder)
    card = hub_card(folder, table=table, datasets=datasets, license=license)
    api = _hub().HfApi(endpoint=endpoint, token=token)
    with TemporaryDirectory() as place, _one_sentence(name):
        for file in ("config.json", "model.safetensors"):
            (Path(place) / file).symlink_to((folder / file).resolve())
        write_text(Path(place) / "README.md", card)
        api.create_repo(name, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=name, folder_path=place, commit_message=message).commit_url)


def hub_card(
    folder: Path, *, table: Path | None = None, datasets: Sequence[str] = (), license: str | None = None
) -> str:
    """The folder's README.md below a head with the keys that the hub reads; see `push_to_hub`.

    Raises:
        FileNotFoundError: If there is no model folder, or no such table.
        ValueError: If the table is none.
    """
    hub = _hub()
    config = read_config(folder)
    run = Path(os.path.realpath(folder)).parent
    beside = run / "robustness.json"
    if table is None and beside.is_file():
        table = beside
    protocol = str(config.provenance.get("settings", {}).get("data", {}).get("protocol", ""))
    trained_on = list(datasets) or ([protocol.split("/")[0]] if "/" in protocol else [])
    scored = None if table is None else read_table(table)
    dataset = trained_on[0] if trained_on else "test clips"
    head = hub.ModelCardData(
        library_name="actionmae",
        pipeline_tag="video-classification",
        tags=["action-recognition", "missing-modality", "multi-modal", *(spec["name"] for spec in config.modalities)],
        datasets=trained_on or None,
        license=license,
        model_name=run.name if scored else None,
        eval_results=None if scored is None else list(_results(hub, scored, dataset)),
    )
    body = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").is_file() else ""
    return f"---\n{head.to_yaml()}\n---\n\n{_without_head(body)}"


def _results(hub: Any, table: RobustnessTable, dataset: str) -> Iterator[Any]:
    """One for each subset that was scored."""
    for row in table.rows:
        if row.top1 is not None:
            yield hub.EvalResult(
                task_type="video-classification",
                task_name="Action recognition with missing sensors",
                dataset_type=dataset,
                dataset_name=f"{dataset}, sensors {row.subset}",
                dataset_config=row.subset,
                dataset_split="test",
                metric_type="accuracy",
                metric_name=f"top-1 from {row.subset}, percent",
                metric_value=round(row.top1, 2),
            )


def _without_head(card: str) -> str:
    """A card that came from a hub has a head already."""
    if not card.startswith("---\n"):
        return card
    _, _, rest = card[4:].partition("\n---\n")
    return rest.lstrip("\n")


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError("sharing needs huggingface_hub: pip install 'actionmae[hub]'") from error
    return huggingface_hub


@contextmanager
def _one_sentence(name: str) -> Iterator[None]:
    """The hub's errors in one sentence."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise FileNotFoundError(
            f"the hub has no model {name}, or no such revision, or does not show it to you: check the name, or log in"
        ) from error
    except errors.HFValidationError as error:
        raise ValueError(f"{name!r} is no name on a hub ({str(error).splitlines()[0]}): write owner/name") from error
    except Exception as error:  # its client raises many unrelated types when the hub cannot be reached
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OSError(f"the hub did not serve {name} ({reason}): check the connection, and that you may") from error

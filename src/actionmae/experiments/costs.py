"""What a model costs: processor time of its training beside that of one specialist, and parameters at inference."""

import statistics

from actionmae.core.devices import pick_device
from actionmae.experiments.models import Models
from actionmae.nn.checkpoint import load_model
from actionmae.training.run_folder import RunFolder


def training_cost(model: str, models: Models) -> float | None:
    """Mean over the seeds, as a multiple of the mean specialist (`plain` on one modality) of the model's modalities.

    All trainings count that a model stands on: late fusion's specialists, and those that it starts from.

    Returns:
        None where either is not trained, or its time was not recorded.

    Raises:
        NotRunError: If the model cannot be trained here.
    """
    own = _seconds(model, models)
    each = [_seconds(f"transformer {letter}", models) for letter in model.split()[1].split("+")]
    times = [seconds for seconds in each if seconds is not None]
    if own is None or len(times) < len(each):
        return None
    return own / statistics.mean(times)


def _seconds(model: str, models: Models) -> float | None:
    """Of all that a seed needs, mean over the seeds that are trained and timed."""
    found = []
    for seed in range(models.seeds):
        cells = models.cells_of_seed(model, seed)
        times = [seconds for cell in cells if cell.done and (seconds := RunFolder(cell.folder).cpu_seconds)]
        if cells and len(times) == len(cells):
            found.append(sum(times))
    return statistics.mean(found) if found else None


def parameters(model: str, models: Models) -> int | None:
    """Of the network that predicts: without token heads, which serve the training alone.

    Returns:
        None where no seed is trained.

    Raises:
        NotRunError: If the model cannot be trained here.
    """
    for seed in range(models.seeds):
        folder = RunFolder(models.folder(model, seed))
        if folder.finished:
            named = load_model(folder.model, device=pick_device("cpu")).named_parameters()
            return sum(each.numel() for name, each in named if not name.startswith("token_heads."))
    return None

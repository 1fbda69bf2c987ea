"""The model card: README.md of a model folder."""

from collections.abc import Mapping
from typing import Any

from actionmae.core.subsets import format_subset
from actionmae.evaluation.grids import markdown_text
from actionmae.evaluation.table import RobustnessTable
from actionmae.inference.history import trainings
from actionmae.nn.architectures import SavedModel


def model_card(model: SavedModel, table: RobustnessTable | None, facts: Mapping[str, Any]) -> str:
    """Markdown: what the model reads, what it predicts, what each missing sensor costs, where it comes from.

    Args:
        model: The model.
        table: Its robustness table, if test clips were scored.
        facts: Provenance as in config.json, of a training or of models that were joined.
    """
    reads = "\n".join(
        f"- **{spec.name}** ({spec.letter}): {spec.num_frames} × {spec.kind} of {' × '.join(map(str, spec.shape))}"
        for spec in model.modalities
    )
    first = model.modalities.names[0]
    parts = list(trainings(facts))
    data = "\n".join(dict.fromkeys(map(_clips, parts)))
    origin = "\n".join(map(_training, parts))
    scores = "No test clips were scored.\n" if table is None else table.to_markdown()
    return f"""# Action classifier

Recognises {len(model.classes)} actions from any subset of these sensors:

{reads}

```bash
actionmae predict . {first}=recording
```

## Intended use

For clips that show one of the actions below from beginning to end, with sensors, people and views like those of the
training data. It names one of these actions whatever it sees; below a probability of your choice (`--min_confidence`)
it says that it does not know.

## What a missing sensor costs

{scores}
## Limits

{_limits(model, table)}

## Training data

{data}

## Where it comes from

Architecture `{model.architecture}`, {facts["date"]}. All settings are in `config.json`.

{origin}

Classes: {", ".join(map(markdown_text, model.classes))}
"""


def _clips(training: Mapping[str, Any]) -> str:
    if not {"settings", "clips"} <= training.keys():
        return "Unknown: a model was saved without saying so."
    counts = ", ".join(f"{count} {part}" for part, count in training["clips"].items())
    data = training["settings"]["data"]
    return f"{counts} clips by the protocol `{data['protocol']}` of `{data.get('manifest', 'a manifest')}`."


def _training(training: Mapping[str, Any]) -> str:
    folder = f"`{training['folder']}`: " if "folder" in training else ""
    if not {"settings", "date"} <= training.keys():
        return f"- {folder}saved without its settings"
    settings = training["settings"]
    method, epochs, seed = settings["method"]["name"], settings["optim"]["epochs"], settings["engine"]["seed"]
    return f"- {folder}method `{method}`, {epochs} epochs, seed {seed}, {training['date']}"


def _limits(model: SavedModel, table: RobustnessTable | None) -> str:
    """What is known, as a list."""
    facts = ["Other people, views, rooms or sensor makes than those of the test clips were not tested."]
    scored = [] if table is None else [(row.top1, row.subset) for row in table.rows if row.top1 is not None]
    if scored:
        top1, subset = min(scored)
        facts.append(f"It is weakest from {subset} alone: {top1:.1f} % of the test clips are right.")
    if model.supported_subsets is not None:
        known = ", ".join(format_subset(each, model.modalities) for each in model.supported_subsets)
        facts.append(f"It predicts only from {known}.")
    if model.calibration is None:
        facts.append("Its probabilities are not calibrated (`actionmae calibrate`): they are an order, not odds.")
    facts.append("A sensor that is broken, not missing, can mislead it: see `actionmae faults` and `--health`.")
    return "\n".join(f"- {fact}" for fact in facts)

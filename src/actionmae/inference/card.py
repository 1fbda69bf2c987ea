"""The model card: README.md of a model folder."""

from collections.abc import Mapping
from typing import Any

from actionmae.evaluation.grids import markdown_text
from actionmae.evaluation.table import RobustnessTable
from actionmae.nn.architectures import SavedModel


def model_card(model: SavedModel, table: RobustnessTable | None, facts: Mapping[str, Any]) -> str:
    """Markdown: what the model reads, what it predicts, what each missing sensor costs, where it comes from.

    Args:
        model: The model.
        table: Its robustness table, if test clips were scored.
        facts: Provenance as in config.json.
    """
    reads = "\n".join(
        f"- **{spec.name}** ({spec.letter}): {spec.num_frames} × {spec.kind} of {' × '.join(map(str, spec.shape))}"
        for spec in model.modalities
    )
    first = model.modalities.names[0]
    settings = facts["settings"]
    counts = ", ".join(f"{count} {part}" for part, count in facts["clips"].items())
    scores = "No test clips were scored.\n" if table is None else table.to_markdown()
    return f"""# Action classifier

Recognises {len(model.classes)} actions from any subset of these sensors:

{reads}

```bash
actionmae predict . {first}=recording
```

## What a missing sensor costs

{scores}
## Where it comes from

Method `{settings["method"]["name"]}`, architecture `{model.architecture}`, {settings["optim"]["epochs"]} epochs, seed
{settings["engine"]["seed"]}; clips: {counts} (protocol `{settings["data"]["protocol"]}`); {facts["date"]}.
All settings are in `config.json`.

Classes: {", ".join(map(markdown_text, model.classes))}
"""

"""The verbs that put a trained model to work elsewhere."""

from pathlib import Path


def export(model: Path, *, out: Path) -> None:
    """Write a model as ONNX graphs that run without PyTorch; needs the extra `export`.

    Args:
        model: Model folder.
        out: The new folder; an older export there is replaced.
    """
    from rich.console import Console

    from actionmae.inference.export import export_model

    with Console(stderr=True).status("exporting") as status:
        config = export_model(model, out, progress=status.update)
    worst = max(config.parity, key=lambda name: config.parity[name])
    print(f"{out}: {len(config.graphs)} graphs")
    print(f"differs from PyTorch by {config.parity[worst]:.1e} at most (probability, from {worst})")

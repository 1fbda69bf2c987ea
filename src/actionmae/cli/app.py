"""The verb app: a page to look at."""

from pathlib import Path


def app(
    models: list[str],
    *,
    manifest: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    max_megabytes: int = 200,
    device: str = "cpu",
) -> None:
    """Open a local page: switch sensors off or break them, and see what one or more models make of the rest.

    Args:
        models: Model folders, shown side by side.
        manifest: CSV with clips to choose from; recordings may be uploaded in any case.
        host: Address to listen on; other than this machine's own, anybody who reaches it can use the page.
        port: Of the page.
        max_megabytes: Of one uploaded recording.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
    """
    from actionmae.app.serve import serve
    from actionmae.app.stage import load_shown

    if not 1 <= port <= 65535:
        raise ValueError(f"port is {port}: give 1 to 65535")
    if max_megabytes < 1:
        raise ValueError(f"max_megabytes is {max_megabytes}: give at least 1")
    serve(
        load_shown([Path(each) for each in models], device=device),
        manifest=manifest,
        host=host,
        port=port,
        max_megabytes=max_megabytes,
        ready=lambda address: print(f"open {address} (Ctrl-C ends it)", flush=True),
    )

"""The verb reproduce: the paper's tables, printed or measured."""

from pathlib import Path

from actionmae.cli.shard import parse_shard


def reproduce(
    *,
    table: str = "all",
    manifest: Path | None = None,
    protocol: str = "split",
    scale: str = "small",
    seeds: int = 3,
    out: Path = Path("runs/reproduce"),
    map: str = "",
    imagenet: str = "",
    rows: str = "",
    shard: str = "1/1",
    dry_run: bool = False,
    list: bool = False,
) -> None:
    """Train what the paper's tables need on any prepared data, and print paper, measured and verdicts.

    Args:
        table: all, or one of 1–9, 7a–7d, figure2, 1i (§1(i): tokens replaced by their reconstructions).
        manifest: CSV with the clips.
        protocol: "split" = the manifest's split column; otherwise a data set's rule, as in utd_mhad/cross-subject.
        scale: small (about a minute a training on a CPU), full (the paper's), or a YAML file of training settings.
        seeds: Trainings of each model.
        out: Folder of the run folders and tables; what is done in it is used again.
        map: Modalities that stand for the paper's R, D, I, by letter or name, as in R=S,D=D,I=A.
        imagenet: Local files of ImageNet weights by timm name, as in tf_efficientnet_lite0=lite0.safetensors.
        rows: Train only the rows of these recipes, as in admd,late_fusion_linear; the tables show whatever is trained.
        shard: Train only the i-th of n parts of the cells, as in 1/4; the tables are written without it.
        dry_run: List the cells, which are done, and the time they will take here.
        list: Print the paper's figures; nothing is trained.
    """
    if list:
        from actionmae.experiments.paper import inconsistencies, paper_tables, select_tables

        print("\n\n".join(paper_tables()[name].to_text() for name in select_tables(table)))
        if table == "all":
            print("\nWhat does not follow from the paper's other numbers:")
            print("\n".join(f"- {text}" for text in inconsistencies()))
        return
    if manifest is None:
        raise ValueError("nothing was asked for: give --manifest to train, or --list to print the paper's figures")
    from actionmae.experiments.cells import Cells
    from actionmae.experiments.reproduce import reproduce as run

    part = parse_shard(shard)
    cells = Cells(
        manifest,
        out,
        protocol=protocol,
        scale=scale,
        letters=_pairs("map", map),
        imagenet={name: Path(file) for name, file in _pairs("imagenet", imagenet).items()},
    )
    chosen = [each.strip() for each in rows.split(",") if each.strip()]
    for line in run(table, cells, seeds=seeds, rows=chosen, shard=part, dry_run=dry_run, scale=scale):
        print(line, flush=True)


def _pairs(what: str, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name or not value or name in found:
            raise ValueError(f"{what} {item!r} cannot be used: give each once as name=value, as in R=S,D=D")
        found[name] = value
    return found

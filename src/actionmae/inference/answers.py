"""Answers about many clips as a file: one line each, JSON or CSV."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from actionmae.core.files import atomic_write, require_writable

Record = Mapping[str, Any]
"""`sample` (or `start` and `end`), and what `Prediction.to_dict` or `Failure.to_dict` gives."""

_COLUMNS = ("sample", "start", "end", "label", "probability", "sure", "available", "missing", "broken", "error")


def check_answers_path(path: Path) -> None:
    """Find out before long work whether answers can be written.

    Raises:
        ValueError: If the name ends in neither .jsonl nor .csv, or nothing can be written there.
    """
    if path.suffix not in (".jsonl", ".csv"):
        raise ValueError(f"out is {path}: give a file name that ends in .jsonl or .csv")
    require_writable(path)


def write_answers(path: Path, records: Iterable[Record]) -> None:
    """Write records as they come; the file appears when the last one is there.

    Args:
        path: .jsonl holds them whole; .csv the best class of each.
        records: In the order in which they are written.
    """
    with atomic_write(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
            return
        writer = csv.DictWriter(file, _COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for record in records:
            writer.writerow(_flat(record))


def _flat(record: Record) -> dict[str, Any]:
    flat = dict(record)
    if record.get("classes"):
        best = record["classes"][0]
        flat |= {"label": best["name"], "probability": best["probability"]}
    for key in ("available", "missing", "broken"):
        flat[key] = "+".join(record.get(key, ()))
    return flat

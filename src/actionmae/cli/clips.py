"""How clips are named on the command line: as recordings, or as samples of a manifest. No torch."""

from collections.abc import Sequence
from pathlib import Path

from actionmae.core.choices import did_you_mean
from actionmae.data.cell_text import parse_cell
from actionmae.data.manifest import ClipRow, Manifest, read_manifest


def names_recording(word: str) -> bool:
    """Whether it is a modality and its path; the path of a manifest may have an =, too."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier() and not Path(word).is_file()


def recordings(words: Sequence[str]) -> dict[str, str]:
    """Paths by modality from words such as `rgb=a.avi`.

    Raises:
        ValueError: If a word is none, or names a modality again.
    """
    files: dict[str, str] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not name or not path or name in files:
            raise ValueError(f"input {word!r} cannot be used: give each modality once as name=path, as in rgb=a.avi")
        files[name] = path
    return files


def clips(words: Sequence[str]) -> tuple[list[ClipRow], Manifest | None]:
    """The clip of words such as `rgb=a.avi`, or a manifest's rows of words such as `manifest.csv sample1 sample2`.

    Raises:
        FileNotFoundError: If there is no such manifest.
        ValueError: If a word is none, or the manifest has no such sample.
    """
    if names_recording(words[0]):
        files = {name: parse_cell(path) for name, path in recordings(words).items()}
        return [ClipRow(sample=" ".join(words), label="", files=files)], None
    manifest = read_manifest(words[0], check_files=False)
    rows = {row.sample: row for row in manifest.rows}
    if len(words) == 1:
        raise ValueError(f"no sample of {words[0]} was named: give one or more, for example {next(iter(rows))}")
    for name in words[1:]:
        if name not in rows:
            raise ValueError(f"manifest {words[0]} has no sample {name!r}{did_you_mean(name, rows)}")
    return [rows[name] for name in words[1:]], manifest

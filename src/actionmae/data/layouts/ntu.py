"""Recordings named and stored as in NTU RGB+D, however many: names, classes, protocols, search for files. No torch.

`ntu60` and `ntu120` are the published data sets, a choice of samples each; this layout takes all that it finds (parts
of them, rendered recordings, one's own).

Raw files, wherever below the root they were unpacked: `<sample>_rgb.avi`, `<sample>_ir.avi`, `<sample>.skeleton`,
folders `<sample>/MDepth-%08d.png` (masked depth) or `<sample>/Depth-%08d.png` (full), and extracted frames
`<sample>_rgb/*.jpg`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actionmae.data.layouts.completeness import missing_recordings
from actionmae.data.layouts.protocol import Protocol
from actionmae.data.manifest import ClipRow

logger = logging.getLogger(__name__)

CLASSES: tuple[str, ...] = (
    "drink water", "eat meal/snack", "brushing teeth", "brushing hair", "drop", "pickup", "throw", "sitting down",
    "standing up", "clapping", "reading", "writing", "tear up paper", "wear jacket", "take off jacket", "wear a shoe",
    "take off a shoe", "wear on glasses", "take off glasses", "put on a hat/cap", "take off a hat/cap", "cheer up",
    "hand waving", "kicking something", "reach into pocket", "hopping", "jump up", "make a phone call",
    "playing with phone/tablet", "typing on a keyboard", "pointing to something with finger", "taking a selfie",
    "check time", "rub two hands together", "nod head/bow", "shake head", "wipe face", "salute",
    "put the palms together", "cross hands in front", "sneeze/cough", "staggering", "falling", "touch head",
    "touch chest", "touch back", "touch neck", "nausea or vomiting condition", "use a fan",
    "punching other person", "kicking other person", "pushing other person", "pat on back of other person",
    "point finger at the other person", "hugging other person", "giving something to other person",
    "touch other person's pocket", "handshaking", "walking towards each other", "walking apart from each other",
    "put on headphone", "take off headphone", "shoot at the basket", "bounce ball", "tennis bat swing",
    "juggling table tennis balls", "hush", "flick hair", "thumb up", "thumb down", "make ok sign",
    "make victory sign", "staple book", "counting money", "cutting nails", "cutting paper", "snapping fingers",
    "open bottle", "sniff", "squat down", "toss a coin", "fold paper", "ball up paper", "play magic cube",
    "apply cream on face", "apply cream on hand back", "put on bag", "take off bag", "put something into a bag",
    "take something out of a bag", "open a box", "move heavy objects", "shake fist", "throw up cap/hat",
    "hands up", "cross arms", "arm circles", "arm swings", "running on the spot", "butt kicks",
    "cross toe touch", "side kick", "yawn", "stretch oneself", "blow nose", "hit other person with something",
    "wield knife towards other person", "knock over other person", "grab other person's stuff",
    "shoot at other person with a gun", "step on foot", "high-five", "cheers and drink",
    "carry something with other person", "take a photo of other person", "follow other person",
    "whisper in other person's ear", "exchange things with other person", "support somebody with hand",
    "finger-guessing game",
)  # fmt: skip
"""Class names in the order of the A numbers: A001 is the first, A120 the last; the first 60 are NTU RGB+D 60."""

TRAIN_60 = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
TRAIN_120 = (
    *TRAIN_60,
    45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95,
    97, 98, 100, 103,
)  # fmt: skip


def ids(numbers: tuple[int, ...] | range) -> frozenset[str]:
    """Numbers as manifests write them."""
    return frozenset(map(str, numbers))


PROTOCOLS: dict[str, Protocol] = {
    "cross-subject": Protocol(field="subject", train=ids(TRAIN_60)),
    "cross-view": Protocol(field="camera", train=ids((2, 3)), test=ids((1,))),
    "cross-subject-120": Protocol(field="subject", train=ids(TRAIN_120)),
    "cross-setup": Protocol(field="setup", train=ids(range(2, 33, 2))),
}
"""Cross-subject and cross-view of NTU RGB+D 60; cross-subject-120 and cross-setup of NTU RGB+D 120."""

_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
_MODALITIES = ("rgb", "depth", "ir", "skeleton")
_MISSING_LISTS = "samples_with_missing_skeletons.txt"


@dataclass(frozen=True, order=True)
class SampleName:
    """One recording's name, `SsssCcccPpppRrrrAaaa`.

    Attributes:
        setup: Camera height and distance, 1–32.
        camera: 1–3.
        subject: Performer, 1–106.
        repetition: 1 or 2.
        action: 1–120; `CLASSES[action - 1]` is its name.
    """

    setup: int
    camera: int
    subject: int
    repetition: int
    action: int

    def __str__(self) -> str:
        return f"S{self.setup:03d}C{self.camera:03d}P{self.subject:03d}R{self.repetition:03d}A{self.action:03d}"

    @property
    def label(self) -> str:
        """The class name of `action`."""
        return CLASSES[self.action - 1]


def parse_name(text: str) -> SampleName:
    """Read a sample name.

    Raises:
        ValueError: If it is not of the form SsssCcccPpppRrrrAaaa, or if the action is not one of 1–120.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no NTU RGB+D sample name: it must look like S001C002P003R002A013")
    name = SampleName(*map(int, match.groups()))
    if not 1 <= name.action <= len(CLASSES):
        raise ValueError(f"sample {text!r} has action {name.action}: NTU RGB+D has actions 1 to {len(CLASSES)}")
    return name


def index(root: Path) -> tuple[list[ClipRow], list[str]]:
    """Find every sample below `root`, however the archives were unpacked.

    The original video is preferred to extracted frames, masked depth to full depth. A skeleton that one of the official
    lists (`*samples_with_missing_skeletons.txt`, found anywhere below the root) names is left out: an empty cell.

    Args:
        root: Folder that holds the unpacked archives.

    Returns:
        Rows in the order of the names (modalities rgb, depth, ir, skeleton as far as found), and one sentence for each
        thing that cannot be used.

    Raises:
        FileNotFoundError: If `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: give the folder that holds the unpacked NTU RGB+D archives")
    found: dict[SampleName, dict[str, tuple[int, Path]]] = {}
    problems: list[str] = []
    lists: list[Path] = []
    for path in _walk(root):
        if path.name.endswith(_MISSING_LISTS):
            lists.append(path)
            continue
        try:
            entry = _recognise(path)
        except ValueError as error:
            problems.append(str(error))
            continue
        if entry is None:
            continue
        name, modality, rank = entry
        files = found.setdefault(name, {})
        old = files.get(modality)
        if old is not None and old[0] == rank:
            problems.append(f"{name} has two files for {modality}, {old[1]} and {path}: the first is used")
        if old is None or rank < old[0]:
            files[modality] = (rank, path)
    without_skeleton = {line.strip() for file in lists for line in file.read_text().splitlines()}
    for name, files in found.items():
        if str(name) in without_skeleton and "skeleton" in files:
            del files["skeleton"]
            logger.info("%s: skeleton left out, as the list of missing skeletons says", name)
    return [_row(name, files) for name, files in sorted(found.items()) if files], problems


def index_published(
    root: Path, *, title: str, setups: int, actions: int, recordings: int
) -> tuple[list[ClipRow], list[str]]:
    """The samples of a published data set among those below `root`; what is missing is logged as a warning.

    Args:
        root: See `index`.
        title: Its name.
        setups: It has the setups 1 … this.
        actions: It has the actions 1 … this.
        recordings: The published number.
    """
    rows, problems = index(root)
    kept = [row for row in rows if int(row.setup) <= setups and CLASSES.index(row.label) < actions]
    if len(kept) < len(rows):
        logger.info("%d samples below %s are none of %s: left out", len(rows) - len(kept), root, title)
    if kept:
        groups = tuple(map(str, range(1, setups + 1)))
        for lack in missing_recordings(
            title, kept, published=recordings, modalities=_MODALITIES, by="setup", groups=groups
        ):
            logger.warning("%s", lack)
    return kept, problems


def _row(name: SampleName, files: dict[str, tuple[int, Path]]) -> ClipRow:
    return ClipRow(
        sample=str(name),
        label=name.label,
        subject=str(name.subject),
        camera=str(name.camera),
        setup=str(name.setup),
        files={modality: files[modality][1] for modality in _MODALITIES if modality in files},
    )


def _walk(root: Path) -> Iterator[Path]:
    """All files, and the folders that are themselves a sample's; those are not entered (millions of images)."""
    for folder, folders, files in os.walk(root, followlinks=True):
        samples = sorted(entry for entry in folders if _NAME.match(entry))
        folders[:] = sorted(set(folders) - set(samples))
        yield from (Path(folder, entry) for entry in (*samples, *sorted(files)))


def _recognise(path: Path) -> tuple[SampleName, str, int] | None:
    """Sample, modality and rank (lower is preferred) of a path, or None if it is not NTU's.

    Raises:
        ValueError: If it has a sample's name but cannot be used.
    """
    match = _NAME.match(path.name)
    if match is None:
        return None
    rest = path.name[match.end() :].lower()
    if rest in {"_rgb.avi", "_rgb.mp4", "_ir.avi", "_ir.mp4"}:
        return parse_name(match[0]), rest[1:-4], 0
    if rest == ".skeleton":
        return parse_name(match[0]), "skeleton", 0
    if not path.is_dir() or rest not in {"", "_rgb", "_ir"}:
        return None
    first = next((entry.name for entry in os.scandir(path) if entry.name.endswith((".png", ".jpg"))), None)
    if first is None:
        raise ValueError(f"folder {path} holds no png or jpg images: unpack its archive again")
    if rest:
        return parse_name(match[0]), rest[1:], 1
    if first.startswith("MDepth-"):
        return parse_name(match[0]), "depth", 0
    return (parse_name(match[0]), "depth", 1) if first.startswith("Depth-") else None

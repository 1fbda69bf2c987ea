"""How the persons of a clip are found: by a depth background of 0, or by the joints' pixels in a `.skeleton`. No torch.

| data set | depth | rgb, ir |
| --- | --- | --- |
| some clip has a `.skeleton` text (NTU RGB+D) | background 0; where it is not, the joints | the joints |
| none has one (UTD-MHAD) | background 0 | whole |

This is decided once for a data set. A recording that cannot be cropped this way is left out: cropped and whole images
must not mix.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from actionmae.core.modality import ModalitySpec
from actionmae.data.manifest import ClipRow
from actionmae.data.prepare.person_crop import PersonBox, box_around, find_person
from actionmae.data.reading.readers import FrameReader, frames_of
from actionmae.data.reading.skeleton_text import read_joint_pixels

# (height, width) of the Kinect v2's images, whose pixels a `.skeleton` counts; for smaller copies they are scaled.
_COLOR_SIZE, _DEPTH_SIZE = (1080, 1920), (424, 512)
_SIZES = {"rgb": _COLOR_SIZE, "depth": _DEPTH_SIZE, "ir": _DEPTH_SIZE}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropSource:
    """What shows where the persons of one clip are.

    Attributes:
        by_joints: Whether the data set has `.skeleton` texts.
        skeleton: This clip's, or None.
        spec: The skeleton's modality.
    """

    by_joints: bool
    skeleton: Path | None
    spec: ModalitySpec

    def crops(self, spec: ModalitySpec) -> bool:
        """Whether the recordings of a modality are cropped, in all clips of the data set."""
        return spec.value == "depth" or (self.by_joints and spec.name in _SIZES)

    def find(self, reader: FrameReader, spec: ModalitySpec) -> PersonBox:
        """One box for all frames of a recording.

        Raises:
            ValueError: If nothing says where the persons are, or the skeleton cannot be read.
        """
        box = find_person(frame[..., 0] for frame in frames_of(reader)) if spec.value == "depth" else None
        if box is None and self.skeleton is not None and spec.name in _SIZES:
            box = self._around_joints(reader, spec, self.skeleton)
        if box is None:
            lacks = "it has no .skeleton text"
            if self.skeleton is not None and spec.name in _SIZES:
                lacks = f"{self.skeleton.name} gives no pixels of joints"
            if spec.value == "depth":
                lacks = f"its background is not 0, and {lacks}"
            raise ValueError(f"{spec.name} cannot be cropped to the persons ({lacks}): it is left out")
        return box

    def _around_joints(self, reader: FrameReader, spec: ModalitySpec, skeleton: Path) -> PersonBox | None:
        persons, joints, _ = self.spec.shape
        pixels = read_joint_pixels(skeleton, num_persons=persons, num_joints=joints)
        points = (pixels.color if spec.name == "rgb" else pixels.depth).reshape(-1, 2)
        height, width = reader.read([0]).shape[1:3]
        return box_around(points, (height, width), of=_SIZES[spec.name])


def skeleton_of(row: ClipRow) -> Path | None:
    """The clip's `.skeleton` text, or None; of a cell that chooses frames the whole text."""
    cell = row.files.get("skeleton")
    return cell.path if cell is not None and cell.path.suffix.lower() == ".skeleton" else None


def has_skeletons(rows: Iterable[ClipRow]) -> bool:
    """Whether some clip has a `.skeleton` text."""
    return any(skeleton_of(row) is not None for row in rows)

"""A rendered data set in other forms of NTU RGB+D: as its archives unpack, as extracted frames. No torch."""

from __future__ import annotations

from pathlib import Path

from actionmae.synthetic.image_files import whole_folder, write_image
from actionmae.synthetic.render import Recording

_ARCHIVES = {
    "nturgb+d_rgb": "nturgb+d_rgb_s{:03d}",
    "nturgb+d_ir": "nturgbd_ir_s{:03d}",
    "nturgb+d_depth_masked": "nturgb+d_depth_masked_s{:03d}",
    "nturgb+d_skeletons": "nturgb+d_skeletons_s{:03d}",
}


def unpack_as_archives(out: Path) -> None:
    """Move the files of `render_dataset` to where NTU RGB+D's archives, one for each setup and modality, unpack to."""
    for folder, archive in _ARCHIVES.items():
        for path in sorted((out / folder).iterdir()):
            place = out / archive.format(int(path.name[1:4])) / folder
            place.mkdir(parents=True, exist_ok=True)
            path.rename(place / path.name)
        (out / folder).rmdir()


def write_extracted_frames(out: Path, recording: Recording, *, first: int = 0) -> Path:
    """Write colour as a folder of images, as people extract them: `frames/<sample>_rgb/<number>.jpg`, unpadded.

    Args:
        out: Folder of the data set.
        recording: What was rendered.
        first: Number of the first frame; 0 and 1 are both in use.
    """
    folder = out / "frames" / f"{recording.name}_rgb"
    with whole_folder(folder) as unfinished:
        for number, image in enumerate(recording.rgb, start=first):
            write_image(unfinished / f"{number}.jpg", image)
    return folder

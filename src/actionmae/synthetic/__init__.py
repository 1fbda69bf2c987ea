"""An articulated person, rendered into the files that a Kinect would leave: NTU RGB+D's layout and names. No torch."""

from actionmae.synthetic.actions import ACTIONS
from actionmae.synthetic.render import Recording, render_clip
from actionmae.synthetic.write import render_dataset, sample_names, write_recording

__all__ = [
    "ACTIONS",
    "Recording",
    "render_clip",
    "render_dataset",
    "sample_names",
    "write_recording",
]

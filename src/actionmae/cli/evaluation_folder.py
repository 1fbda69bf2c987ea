"""Where the verbs evaluate and faults write, unless they are told."""

import os
from pathlib import Path


def evaluation_folder(model: Path) -> Path:
    """`evaluation` beside a model folder, whatever name it is given by, `.` among them."""
    return Path(os.path.realpath(model)).parent / "evaluation"

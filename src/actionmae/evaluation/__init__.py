"""What each lost sensor costs: scores on every subset, the robustness table, frame loss. Numbers only, no torch.

The public names below are loaded on first use.
"""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.evaluation.compare import Difference, paired_difference
    from actionmae.evaluation.frame_loss_curve import FrameLossCurve
    from actionmae.evaluation.rows import TableRow
    from actionmae.evaluation.scores import SubsetScores, merge
    from actionmae.evaluation.table import RobustnessTable

__all__ = [
    "Difference",
    "FrameLossCurve",
    "RobustnessTable",
    "SubsetScores",
    "TableRow",
    "merge",
    "paired_difference",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Difference": "compare",
        "FrameLossCurve": "frame_loss_curve",
        "RobustnessTable": "table",
        "SubsetScores": "scores",
        "TableRow": "rows",
        "merge": "scores",
        "paired_difference": "compare",
    },
)

"""What each lost sensor costs: scores on every subset, the robustness table, frame loss.

The names below are loaded on first use, so that printing a grid needs no torch.
"""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.evaluation.compare import Difference, paired_difference
    from actionmae.evaluation.frame_loss import FrameLossCurve, score_frame_loss
    from actionmae.evaluation.rows import TableRow
    from actionmae.evaluation.scores import SubsetScores, merge, score_subsets
    from actionmae.evaluation.table import RobustnessTable, evaluate_subsets

__all__ = [
    "Difference",
    "FrameLossCurve",
    "RobustnessTable",
    "SubsetScores",
    "TableRow",
    "evaluate_subsets",
    "merge",
    "paired_difference",
    "score_frame_loss",
    "score_subsets",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Difference": "compare",
        "FrameLossCurve": "frame_loss",
        "RobustnessTable": "table",
        "SubsetScores": "scores",
        "TableRow": "rows",
        "evaluate_subsets": "table",
        "merge": "scores",
        "paired_difference": "compare",
        "score_frame_loss": "frame_loss",
        "score_subsets": "scores",
    },
)

"""What each lost sensor costs: scores on every subset, the robustness table, frame loss."""

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

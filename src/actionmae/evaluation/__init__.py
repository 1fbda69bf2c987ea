"""What each lost sensor costs: scores on every subset, the robustness table, frame loss. Numbers only.

The public names below are loaded on first use: only what runs a model needs torch.
"""

from typing import TYPE_CHECKING

from actionmae.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from actionmae.evaluation.compare import Difference, paired_difference
    from actionmae.evaluation.frame_loss import score_frame_loss
    from actionmae.evaluation.frame_loss_curve import FrameLossCurve
    from actionmae.evaluation.rows import TableRow
    from actionmae.evaluation.scores import SubsetScores, merge
    from actionmae.evaluation.subset_scoring import evaluate_subsets, score_subsets
    from actionmae.evaluation.table import RobustnessTable

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
        "FrameLossCurve": "frame_loss_curve",
        "RobustnessTable": "table",
        "SubsetScores": "scores",
        "TableRow": "rows",
        "evaluate_subsets": "subset_scoring",
        "merge": "scores",
        "paired_difference": "compare",
        "score_frame_loss": "frame_loss",
        "score_subsets": "subset_scoring",
    },
)

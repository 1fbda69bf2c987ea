"""What each lost sensor costs: scores on every subset, the robustness table, frame loss, the report."""

from actionmae.evaluation.rows import TableRow
from actionmae.evaluation.subsets import SubsetScores, merge, score_subsets
from actionmae.evaluation.table import RobustnessTable, evaluate_subsets

__all__ = ["RobustnessTable", "SubsetScores", "TableRow", "evaluate_subsets", "merge", "score_subsets"]

"""The models that tables speak of, "recipe modalities": which cells each needs, and its scores of the test clips.

Some are made of trained cells without any training: late fusion of specialists, and ActionMAE with tokens replaced.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from actionmae.core.devices import pick_device
from actionmae.core.files import exclusive
from actionmae.core.modality import ModalitySet
from actionmae.core.tensors import ClipBatch
from actionmae.data.manifest import ClipRow
from actionmae.data.splits import rows_for_model, split_rows
from actionmae.evaluation.scores import SubsetScores
from actionmae.experiments.cells import Cell, Cells, NotRunError
from actionmae.inference.evaluate import write_scores
from actionmae.inference.join import fit_late_fusion
from actionmae.inference.scoring import ClipScorer
from actionmae.inference.subset_scoring import score_subsets
from actionmae.nn.architectures import SavedModel
from actionmae.nn.checkpoint import load_model, save_model
from actionmae.nn.classifier import MultiModalClassifier
from actionmae.nn.late_fusion import LateFusion

CHANCE = "chance"
MADE = ("late_fusion", "late_fusion_linear", "late_fusion_fitted", "replaced", "decoded")
"""Recipes that need no training of their own."""


class Models:
    """Models by name, each with as many seeds.

    Args:
        cells: The data and the scale.
        seeds: Trained with seeds 0 to this number − 1.
    """

    def __init__(self, cells: Cells, seeds: int) -> None:
        self.cells, self.seeds = cells, seeds
        self.failed: dict[Path, str] = {}
        """By run folder, why a cell could not be trained."""
        self._scores: dict[str, list[SubsetScores]] = {}

    def cells_of(self, model: str) -> list[Cell]:
        """All cells that a model needs, those first that others start from.

        Raises:
            NotRunError: If one cannot be trained here.
        """
        return list(dict.fromkeys(cell for seed in range(self.seeds) for cell in self.cells_of_seed(model, seed)))

    def cells_of_seed(self, model: str, seed: int) -> list[Cell]:
        """Those of one seed.

        Raises:
            NotRunError: If one cannot be trained here.
        """
        return list(dict.fromkeys(each for cell in self._of_seed(model, seed) for each in (*cell.needs, cell)))

    def folder(self, model: str, seed: int) -> Path:
        """Where its scores are, and its model folder if it has one of its own; may not exist yet.

        Raises:
            NotRunError: If it cannot be trained here.
        """
        recipe, train = model.split()
        cells = self._of_seed(model, seed)
        if recipe not in MADE:
            return cells[0].folder
        digest = hashlib.sha256("".join(cell.folder.name for cell in cells).encode()).hexdigest()[:8]
        return self.cells.out / f"{recipe}-{self.cells.subset(train)}-seed{seed}-{digest}"

    def scores(self, model: str) -> list[SubsetScores]:
        """Of each seed whose cells are trained.

        Raises:
            NotRunError: If it cannot be trained here, or could not be.
        """
        if model not in self._scores:
            found = (self._score(model, seed) for seed in range(self.seeds))
            self._scores[model] = [scores for scores in found if scores is not None]
        return self._scores[model]

    def _of_seed(self, model: str, seed: int) -> list[Cell]:
        recipe, train = model.split()
        if recipe == CHANCE:
            self.cells.modalities(train)
            return []
        if recipe in ("replaced", "decoded"):
            return [self.cells.cell("action_mae", train, seed)]
        if recipe == "late_fusion_linear":
            return [self.cells.cell("sum", letter, seed) for letter in train.split("+")]
        if recipe in ("late_fusion", "late_fusion_fitted"):
            cells = [self.cells.cell("transformer", letter, seed) for letter in train.split("+")]
            held_out = self.cells.held_out() if recipe == "late_fusion_fitted" else ()
            if held_out:
                cells += [
                    self.cells.cell("transformer", letter, seed, held_out=held_out) for letter in train.split("+")
                ]
            return cells
        return [self.cells.cell(recipe, train, seed)]

    def _score(self, model: str, seed: int) -> SubsetScores | None:
        recipe, _ = model.split()
        cells = self._of_seed(model, seed)
        if not all(cell.done for cell in cells):
            reasons = [self.failed[cell.folder] for cell in cells if cell.folder in self.failed]
            if reasons:
                raise NotRunError(reasons[0])
            return None
        folder = self.folder(model, seed)
        if recipe in MADE and not (folder / "scores.npz").is_file():
            self._make(recipe, folder, cells)
        return SubsetScores.load(folder / "scores.npz")

    def _make(self, recipe: str, folder: Path, cells: Sequence[Cell]) -> None:
        """Write the scores, and the model if it is a new one."""
        make: dict[str, Callable[[Sequence[Cell]], tuple[SavedModel | None, SubsetScores]]] = {
            "late_fusion": self._late_fusion,
            "late_fusion_linear": self._late_fusion,
            "late_fusion_fitted": self._fitted,
            "replaced": lambda given: self._tokens(given, LeaveOneOut),
            "decoded": lambda given: self._tokens(given, Decoded),
        }
        with exclusive(folder / "run.lock", f"another process writes {folder}: wait for it"):
            model, scores = make[recipe](cells)
            facts = {"cells": [cell.folder.name for cell in cells], "manifest": str(self.cells.manifest)}
            if model is not None:
                save_model(model, folder / "model", provenance=facts)
            write_scores(scores, folder, facts=facts)

    def _late_fusion(self, cells: Sequence[Cell]) -> tuple[SavedModel, SubsetScores]:
        model = LateFusion(_loaded(cells))
        return model, self._scorer(model, "test")(model)

    def _fitted(self, cells: Sequence[Cell]) -> tuple[SavedModel, SubsetScores]:
        """Weights and temperatures from specialists that did not see the validation clips, used with those that did."""
        count = len({name for cell in cells for name in _names(cell)})
        judged = LateFusion(_loaded(cells[-count:]))
        fitted = fit_late_fusion(judged, self._scorer(judged, "val", held_out=cells[-1].settings.data.val_subjects))
        model = LateFusion(
            _loaded(cells[:count]), weights=fitted.weights.tolist(), temperatures=fitted.temperatures.tolist()
        ).eval()
        return model, self._scorer(model, "test")(model)

    def _tokens(self, cells: Sequence[Cell], how: type["LeaveOneOut"]) -> tuple[None, SubsetScores]:
        model = load_model(cells[0].folder / "model", device=pick_device("auto"))
        scorer = self._scorer(model, "test")
        full = [tuple(range(len(model.modalities)))]
        return None, score_subsets(
            how(model), scorer.batches(model), classes=model.classes, subjects=scorer.subjects, subsets=full
        )

    def _scorer(self, model: SavedModel, split: str, *, held_out: Iterable[str | int] = ()) -> ClipScorer:
        subjects = [str(subject) for subject in held_out]
        rows: tuple[ClipRow, ...] = split_rows(
            self.cells.clips, protocol=self.cells.protocol, split=split, val_subjects=subjects
        )
        rows = rows_for_model(self.cells.clips, rows, model.modalities)
        return ClipScorer(rows, model, batch_size=self.cells.base.data.eval_batch_size)


class LeaveOneOut:
    """ActionMAE with every token replaced by its reconstruction from the others; a `SubsetClassifier`."""

    def __init__(self, model: SavedModel) -> None:
        if not isinstance(model, MultiModalClassifier) or model.action_mae is None:
            raise NotRunError("tokens can be rebuilt by a model with ActionMAE only")
        self.model, self.mae = model, model.action_mae
        self.modalities: ModalitySet = model.modalities

    def encode(self, batch: ClipBatch) -> Float[Tensor, "B M C"]:
        """The model's tokens."""
        return self.model.encode(batch)

    def reconstruct(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"]]:
        """Slot m holds what ActionMAE makes of the other slots."""
        columns = []
        for slot in range(tokens.shape[1]):
            others = visible.clone()
            others[:, slot] = False
            columns.append(self.mae(tokens, others).tokens[:, slot])
        return torch.stack(columns, dim=1), torch.ones_like(visible)

    def classify(self, tokens: Float[Tensor, "B M C"], filled: Bool[Tensor, "B M"]) -> Float[Tensor, "B K"]:
        """The model's."""
        return self.model.classify(tokens, filled)


class Decoded(LeaveOneOut):
    """ActionMAE with every token replaced by the decoder's output in its place, where the encoder saw all tokens."""

    def reconstruct(
        self, tokens: Float[Tensor, "B M C"], visible: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B M C"], Bool[Tensor, "B M"]]:
        """Slot m holds the decoder's output there."""
        return self.mae(tokens, visible).reconstructed, torch.ones_like(visible)


def _loaded(cells: Sequence[Cell]) -> list[SavedModel]:
    return [load_model(cell.folder / "model", device=pick_device("auto")) for cell in cells]


def _names(cell: Cell) -> list[str]:
    return [each if isinstance(each, str) else each["name"] for each in cell.settings.data.modalities]

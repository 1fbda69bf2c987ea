"""A method in two stages: a teacher on all modalities, then a student on the first one that learns from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from actionmae.core.modality import ModalitySet
from actionmae.core.subsets import Subset
from actionmae.core.tensors import ClipBatch
from actionmae.methods import Draws, Group, Method, MethodConfig, Stage, StepOutput
from actionmae.nn import ClassifierConfig, build_classifier


@dataclass(frozen=True, kw_only=True)
class TwoStagesConfig(MethodConfig):
    """Switches of `TwoStages`."""

    name: str = "two_stages"
    teacher_epochs: int = 2
    teacher: str = ""


class TwoStages(Method):
    """Teacher, then student; with `teacher` a model folder in place of the first stage."""

    @classmethod
    def build(
        cls, config: Any, *, modalities: ModalitySet, classes: Sequence[str], model: ClassifierConfig
    ) -> "TwoStages":
        method = cls(model=build_classifier(modalities, classes=classes, config=model), config=config)
        method.teacher = build_classifier(modalities, classes=classes, config=model)
        return method

    @property
    def supported_subsets(self) -> tuple[Subset, ...] | None:
        return ((0,),)

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        student = {"student": Group(parts=("model",))}
        if self.config.teacher:
            return (
                Stage(name="student", epochs=epochs, groups=student, copies={"teacher": Path(self.config.teacher)}),
            )
        return (
            Stage(name="teacher", epochs=self.config.teacher_epochs, groups={"teacher": Group(parts=("teacher",))}),
            Stage(name="student", epochs=epochs, groups=student, copies={"model.encoders": "teacher.encoders"}),
        )

    def step(self, batch: ClipBatch, draws: Draws, *, stage: str = "train", group: str = "all") -> StepOutput:
        if group == "teacher":
            return StepOutput(losses={"teacher": F.cross_entropy(self.teacher(batch).logits, batch.labels)})
        with torch.no_grad():
            soft = self.teacher(batch).logits.softmax(dim=1)
        shown = torch.zeros_like(batch.available)
        shown[:, 0] = True
        output = self.model(batch, shown)
        return StepOutput(losses={"soft": F.cross_entropy(output.logits, soft)}, output=output)

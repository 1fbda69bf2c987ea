"""Modalities: `ModalitySpec`, the ordered `ModalitySet`, and the registry of known ones. No torch here."""

from actionmae.core.modality.modality_set import ModalitySet
from actionmae.core.modality.registry import (
    KINECT_V1_MIRROR,
    KINECT_V2_MIRROR,
    modality_name,
    register,
    registered,
    resolve,
)
from actionmae.core.modality.spec import Kind, Mirror, ModalitySpec, Value

__all__ = [
    "KINECT_V1_MIRROR",
    "KINECT_V2_MIRROR",
    "Kind",
    "Mirror",
    "ModalitySet",
    "ModalitySpec",
    "Value",
    "modality_name",
    "register",
    "registered",
    "resolve",
]

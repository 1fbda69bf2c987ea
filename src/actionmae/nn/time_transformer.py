"""Time encoder (Eq. 2–4): [cls, x_1 … x_T] + pos → L layers → the class token z.

Legend: R rows (clips that have this modality), T frame, C embed_dim.
"""

from jaxtyping import Bool, Float
from torch import Tensor

from actionmae.nn.class_token import ClassTokenTransformer
from actionmae.nn.config import TransformerConfig


class TimeTransformer(ClassTokenTransformer):
    """Summarise a clip's frame features in its class token.

    Args:
        num_frames: T; shorter sequences are accepted.
        config: Of the transformer; its depth is L (paper: 2).
    """

    def __init__(self, *, num_frames: int, config: TransformerConfig) -> None:
        super().__init__(length=num_frames, config=config)

    def forward(
        self, x: Float[Tensor, "R T C"], *, frame_available: Bool[Tensor, "R T"] | None = None
    ) -> Float[Tensor, "R C"]:
        """Class token of the last layer; frames that do not exist are never attended to.

        Raises:
            ValueError: If there are more frames than positions.
        """
        frames = x.shape[1]
        if frames >= len(self.pos):
            raise ValueError(f"a clip has {frames} frames, this model was built for at most {len(self.pos) - 1}")
        return self.summarise(x, frame_available)

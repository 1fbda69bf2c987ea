"""Which joints of a skeleton are connected, for drawing."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

_FORMS: dict[int, tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]] = {
    25: (  # Kinect v2
        (0, 1, 20, 2, 3),
        ((4, 5, 6, 7, 21), (6, 22), (8, 9, 10, 11, 23), (10, 24), (12, 13, 14, 15), (16, 17, 18, 19)),
    ),
    20: ((0, 1, 2, 3), ((4, 5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15), (16, 17, 18, 19))),  # Kinect v1
    15: ((0, 1, 2), ((3, 4, 5), (6, 7, 8), (9, 10, 11), (12, 13, 14))),  # OpenNI
}
"""By number of joints: the trunk, and chains that begin at it or at a joint of an earlier chain."""


def bones(joints: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs of joints to connect.

    Arms and legs of the Kinects and OpenNI hang on the nearest joint of the trunk, whose order is not the same in all
    data sets. The joints of another skeleton are connected so that the lines are short.

    Args:
        joints: [n, J, 3] persons in metres, at least one.
    """
    distance = np.linalg.norm(joints[:, :, None] - joints[:, None], axis=-1).mean(axis=0)
    if len(distance) not in _FORMS:
        tree = minimum_spanning_tree(np.maximum(distance, 1e-9)).tocoo()
        return list(zip(tree.row.tolist(), tree.col.tolist(), strict=True))
    trunk, limbs = _FORMS[len(distance)]
    pairs, drawn = list(pairwise(trunk)), set(trunk)
    for limb in limbs:
        if limb[0] not in drawn:
            pairs.append((trunk[int(distance[limb[0], list(trunk)].argmin())], limb[0]))
        pairs += pairwise(limb)
        drawn |= set(limb)
    return pairs

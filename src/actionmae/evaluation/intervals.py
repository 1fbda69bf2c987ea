"""95 % intervals: of a fraction of clips, and of a mean whose clips come in clusters (subjects)."""

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import stdtrit

Interval = tuple[float, float]

Z_95 = 1.959963984540054  # the 97.5 % point of the normal distribution


def wilson_interval(correct: int, n: int) -> Interval:
    """Wilson's score interval of a fraction (Wilson 1927); unlike p ± 1.96 s it stays in 0–1 and is sound at its ends.

    It takes the clips for independent; clips of the same few people are not (see `cluster_interval`).

    Args:
        correct: Number of hits, 0 to n.
        n: Number of trials, at least 1.

    Returns:
        (low, high), fractions 0–1.

    Raises:
        ValueError: If n < 1 or correct lies outside 0–n.
    """
    if n < 1 or not 0 <= correct <= n:
        raise ValueError(f"{correct} correct of {n} is no fraction: give n of at least 1 and correct between 0 and n")
    fraction = correct / n
    middle = (fraction + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * float(np.sqrt(fraction * (1 - fraction) / n + Z_95**2 / (4 * n**2)))
    # At 0 and n the bound is exactly 0 and 1; rounding would leave ±1e-17.
    return (0.0 if correct == 0 else middle - half, 1.0 if correct == n else middle + half)


def cluster_interval(values: Float[np.ndarray, " n"], clusters: Shaped[np.ndarray, " n"]) -> Interval | None:
    """t-interval of a mean whose values come in G clusters (a subject's clips resemble each other).

    The mean over clips is the ratio of cluster sums to cluster sizes; its variance is that of the ratio estimator
    (Cochran, Sampling Techniques, 3rd ed., §9A.1) and the quantile is Student's with G − 1 degrees of freedom. With
    clusters of equal size it is the t-interval over the cluster means, which holds its level with very few clusters
    (Ibragimov and Müller, J. Business & Economic Statistics 28, 2010); a cluster bootstrap is too narrow with the four
    test subjects of UTD-MHAD (Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008).

    Args:
        values: [n] hits as 0 and 1, or paired differences as −1, 0, 1.
        clusters: [n] cluster names; give each clip its own for an interval without clustering.

    Returns:
        (low, high) in the units of `values`, not clipped. None if there are fewer than 2 clusters, or if all of
        them have the same mean: then there is no spread to judge from.
    """
    _, at = np.unique(clusters, return_inverse=True)
    sums, sizes = np.bincount(at, weights=values), np.bincount(at)
    groups = len(sizes)
    if groups < 2:
        return None
    mean = float(values.mean())
    residuals = (sums - mean * sizes) / sizes.mean()
    error = float(np.sqrt((residuals**2).sum() / (groups * (groups - 1))))
    if error < 1e-12:
        return None
    half = float(stdtrit(groups - 1, 0.975)) * error
    return mean - half, mean + half

"""The region that leaves the host: fixed size, centred, no invented depth."""

import numpy as np
import pytest

from actionmae.core.modality import ModalitySpec, resolve
from actionmae.data.loading.framing import region_size, write_region

DEPTH = resolve({"name": "depth", "shape": (3, 20, 20)})
RGB = resolve({"name": "rgb", "shape": (3, 20, 20)})


def cut_region(image: np.ndarray, spec: ModalitySpec) -> np.ndarray:
    """[h, w, c] → [1.2 H, 1.2 W, c], so that images compare as they are drawn."""
    out = np.full((image.shape[2], *region_size(spec)), 99, image.dtype)
    write_region(image, spec, out)
    return np.moveaxis(out, 0, -1)


@pytest.mark.parametrize("size", [(24, 24), (48, 80), (80, 48), (7, 9), (1080, 1920)])
def test_any_image_becomes_the_region(size: tuple[int, int]) -> None:
    assert region_size(RGB) == (24, 24)
    assert cut_region(np.zeros((*size, 3), np.uint8), RGB).shape == (24, 24, 3)
    assert cut_region(np.zeros((*size, 1), np.uint16), DEPTH).shape == (24, 24, 1)


def test_region_of_the_right_size_is_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 9000, (24, 24, 1)).astype(np.uint16)
    np.testing.assert_array_equal(cut_region(image, DEPTH), image)


def test_short_side_is_kept_and_the_long_one_cut_at_both_ends() -> None:
    image = np.zeros((48, 96, 1), np.uint16)
    image[:, 24:72] = 1000
    assert (cut_region(image, DEPTH) == 1000).all()
    image[0], image[-1] = 5, 7
    cut = cut_region(image, resolve({"name": "depth", "shape": (3, 40, 40)}))
    assert (cut[0] == 5).all()
    assert (cut[-1] == 7).all()


def test_depth_is_never_mixed() -> None:
    image = np.random.default_rng(0).choice([0, 1500, 3000], (61, 83, 1)).astype(np.uint16)
    assert set(np.unique(cut_region(image, DEPTH))) <= {0, 1500, 3000}


def test_wide_inputs_keep_their_proportions() -> None:
    wide = resolve({"name": "rgb", "shape": (3, 20, 40)})
    assert cut_region(np.zeros((100, 100, 3), np.uint8), wide).shape == (24, 48, 3)


def test_prepared_colour_is_cut_and_not_resampled() -> None:
    image = np.random.default_rng(0).integers(0, 255, (270, 480, 3)).astype(np.uint8)
    cut = cut_region(image, resolve("rgb"))
    np.testing.assert_array_equal(cut, image[0:269, 105:374])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_resampled_images_are_written_channel_by_channel(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 255, (48, 48, channels)).astype(np.uint8)
    cut = cut_region(image, RGB)
    for channel in range(channels):
        single = cut_region(image[..., [channel]], RGB).astype(int)
        np.testing.assert_allclose(cut[..., channel : channel + 1], single, atol=1)  # OpenCV's rounding
    assert abs(float(cut.mean()) - float(image.mean())) < 2

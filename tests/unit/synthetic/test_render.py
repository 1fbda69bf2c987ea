"""Ray casting against its definition, and the sensors' recordings: geometry, holes, light, determinism."""

import dataclasses

import numpy as np
import pytest

from actionmae.core.seeds import numpy_generator as generator
from actionmae.data.layouts.ntu import SampleName, parse_name
from actionmae.synthetic.backdrop import Backdrop, build_backdrop, light_backdrop
from actionmae.synthetic.body import JOINT, Array
from actionmae.synthetic.figure import Capsules
from actionmae.synthetic.performance import perform
from actionmae.synthetic.raycast import cast_boxes, cast_capsules
from actionmae.synthetic.render import Recording, render_clip
from actionmae.synthetic.scene import Camera, Light, draw_light, draw_room, place_sensor
from actionmae.synthetic.sensors import ColorSensor, DepthFrame, DepthSensor
from helpers.sheet import jet, sheet

WAVE = parse_name("S001C001P001R001A023")


@pytest.fixture(scope="module")
def wave() -> Recording:
    return render_clip(WAVE, num_frames=6)


def camera(size: tuple[int, int] = (64, 48), focal: float = 50.0) -> Camera:
    middle = ((size[0] - 1) / 2, (size[1] - 1) / 2)
    return Camera(position=np.zeros(3), axes=np.eye(3), focal=focal, center=middle, size=size)


def capsule(start: list[float], end: list[float], radius: tuple[float, float], flat: float = 1.0) -> Capsules:
    return Capsules(
        start=np.array([[start]]),
        end=np.array([[end]]),
        front=np.array([[[0.0, 0.0, -1.0]]]),
        radius=np.array([radius]),
        depth=np.array([flat]),
        albedo=np.full((1, 3), 0.5),
        accent=np.zeros((1, 3)),
        infrared=np.array([0.6]),
        pattern=np.array([0]),
        person=np.array([True]),
    )


def distance(points: Array, start: Array, end: Array, radius: tuple[float, float]) -> Array:
    """To the hull of two spheres, the slow way: the nearest of many spheres strung between the ends."""
    share = np.linspace(0, 1, 100)[:, None]
    centres, radii = start + share * (end - start), radius[0] + share[:, 0] * (radius[1] - radius[0])
    return np.min(np.linalg.norm(points[:, None] - centres, axis=-1) - radii, axis=1)


@pytest.mark.parametrize("flat", [1.0, 0.6])
def test_capsules_are_hit_where_they_are(flat: float) -> None:
    start, end, radius = [-0.3, -0.2, 2.0], [0.25, 0.3, 2.6], (0.25, 0.12)
    eye = camera((32, 24), 25.0)
    rays = eye.rays()
    background = np.full((24, 32), 9.0, dtype=np.float32)
    hits = cast_capsules(eye, rays, capsule(start, end, radius, flat), 0, background)
    stretch = np.array([1.0, 1.0, 1.0 / flat])
    ends = np.array(start) * stretch, np.array(end) * stretch
    points = rays.reshape(-1, 3)[hits.pixel] * hits.depth[:, None] * stretch
    np.testing.assert_allclose(distance(points, *ends, radius), 0.0, atol=2e-3)
    ahead = rays.reshape(-1, 3)[:, None] * np.linspace(1.6, 2.8, 30)[:, None] * stretch
    inside = (distance(ahead.reshape(-1, 3), *ends, radius) < -5e-3).reshape(-1, 30).any(1)
    assert set(np.flatnonzero(inside)) <= set(hits.pixel.tolist()), "every ray through it hits it"
    assert (np.einsum("fi,fi->f", hits.normal, rays.reshape(-1, 3)[hits.pixel]) < 1e-3).all(), "normals face the camera"
    np.testing.assert_allclose(np.linalg.norm(hits.normal, axis=1), 1.0, atol=1e-5)


def test_a_ball_is_the_degenerate_capsule() -> None:
    eye = camera()
    hits = cast_capsules(
        eye, eye.rays(), capsule([0.0, 0.0, 3.0], [0.0, 0.0, 3.0], (0.5, 0.5)), 0, np.full((48, 64), 9, np.float32)
    )
    assert hits.depth.min() == pytest.approx(2.5, abs=3e-3)
    assert np.isfinite(hits.along).all()


def test_what_stands_behind_the_background_or_the_camera_is_not_seen() -> None:
    eye = camera()
    wall = np.full((48, 64), 1.0, np.float32)
    for z in (2.0, -2.0):
        assert len(cast_capsules(eye, eye.rays(), capsule([0, 0, z], [0, 0.2, z], (0.1, 0.1)), 0, wall).pixel) == 0


def test_boxes_from_outside_and_inside() -> None:
    eye = camera((3, 3))
    depth, face = cast_boxes(eye, eye.rays(), np.array([-1.0, -1.0, 2.0]), np.array([1.0, 1.0, 3.0]), 0.0)
    assert (depth[1, 1], face[1, 1]) == (2.0, 4)
    depth, face = cast_boxes(eye, eye.rays(), -np.ones(3), np.ones(3) * 4.0, 0.0, inside=True)
    assert (depth[1, 1], face[1, 1]) == (4.0, 5)


def test_equal_arguments_give_equal_recordings_and_others_differ(wave: Recording) -> None:
    again = render_clip(WAVE, num_frames=6)
    other = render_clip(WAVE, num_frames=6, seed=1)
    for field in ("rgb", "depth", "ir", "joints"):
        np.testing.assert_array_equal(getattr(wave, field), getattr(again, field))
        assert (getattr(wave, field) != getattr(other, field)).any()


@pytest.mark.parametrize("size", [((64, 64), (64, 64)), ((96, 54), (64, 52)), ((480, 320), (48, 80))])
def test_any_size(size: tuple[tuple[int, int], tuple[int, int]]) -> None:
    clip = render_clip(WAVE, num_frames=2, size=size)
    assert clip.rgb.shape == (2, size[0][1], size[0][0], 3)
    assert clip.depth.shape == clip.ir.shape == clip.person.shape == (2, size[1][1], size[1][0])
    assert (clip.rgb.dtype, clip.depth.dtype, clip.ir.dtype) == (np.uint8, np.uint16, np.uint8)
    assert clip.person.any()


def test_the_view_does_not_depend_on_the_frame_size() -> None:
    small, large = (render_clip(WAVE, num_frames=1, size=((n, n), (n, n))) for n in (64, 256))
    assert small.person.mean() == pytest.approx(large.person.mean(), rel=0.1)
    np.testing.assert_allclose((small.depth_xy + 0.5) * 4, large.depth_xy + 0.5, atol=0.01)


def test_cameras_see_the_same_performance() -> None:
    size = ((32, 32), (32, 32))
    names = [dataclasses.replace(WAVE, camera=camera_number) for camera_number in (1, 2, 3)]
    views = [render_clip(name, num_frames=2, size=size).joints for name in names]
    limbs = [np.linalg.norm(view[:, 0, JOINT["hand_right"]] - view[:, 0, JOINT["head"]], axis=-1) for view in views]
    np.testing.assert_allclose(limbs[0], limbs[1], atol=0.08)
    np.testing.assert_allclose(limbs[0], limbs[2], atol=0.08)
    assert np.abs(views[1] - views[2]).max() > 0.3


@pytest.mark.parametrize("text", ["S001C001P001R001A023", "S002C002P004R002A008", "S003C002P006R001A058"])
def test_depth_is_millimetres_at_the_joints(text: str) -> None:
    clip = render_clip(parse_name(text), num_frames=5)
    checked = 0
    for joint in ("spine_mid", "spine_shoulder", "hip_left", "hip_right", "head"):
        slot = JOINT[joint]
        for frame, person in np.ndindex(clip.joints.shape[:2]):
            if clip.tracking[frame, person, slot] != 2:
                continue
            u, v = np.round(clip.depth_xy[frame, person, slot]).astype(int)
            around = clip.depth[frame, max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2]
            if (around > 0).any():
                # The surface lies in front of the joint by the body's thickness.
                behind = clip.joints[frame, person, slot, 2] - np.median(around[around > 0]) / 1000
                assert -0.12 < behind < 0.3
                checked += 1
    assert checked >= 10


def test_coordinates_land_on_the_body(wave: Recording) -> None:
    inner = [JOINT[name] for name in ("spine_mid", "spine_shoulder", "knee_left", "knee_right", "head")]
    u, v = np.moveaxis(np.round(wave.depth_xy[:, 0, inner]).astype(int), -1, 0)
    assert wave.person[np.arange(len(u))[:, None], v, u].all()
    # The colour camera's own silhouette.
    color, _ = place_sensor(0, WAVE.setup, WAVE.camera, (128, 128), (128, 128))
    show = perform(WAVE, seed=0, num_frames=6)
    for frame in range(6):
        hits = cast_capsules(color, color.rays(), show.capsules, frame, np.full((128, 128), 99, np.float32))
        seen = np.zeros(128 * 128, dtype=bool)
        seen[hits.pixel] = True
        u, v = np.moveaxis(np.round(wave.color_xy[frame, 0, inner]).astype(int), -1, 0)
        assert seen.reshape(128, 128)[v, u].all()


def empty_scene(depth_mm: float, infrared: float, size: tuple[int, int]) -> tuple[Camera, Backdrop]:
    """A wall across the whole view."""
    eye = camera(size)
    backdrop = build_backdrop(eye, draw_room(0, 1), (), 0.0)
    wall = np.full((size[1], size[0]), depth_mm / 1000, np.float32)
    return eye, dataclasses.replace(backdrop, depth=wall, echo=np.full_like(wall, infrared))


def measure(depth_mm: float, figure: Capsules, infrared: float = 0.5, size: tuple[int, int] = (64, 48)) -> DepthFrame:
    eye, backdrop = empty_scene(depth_mm, infrared, size)
    return DepthSensor(eye, backdrop, np.random.default_rng(0), np.random.default_rng(0)).measure(figure, 0)


OUT_OF_VIEW = capsule([0.0, 50.0, 1.0], [0.0, 51.0, 1.0], (0.1, 0.1))


def test_depth_noise_grows_with_distance_and_is_unbiased() -> None:
    near, far = (measure(mm, OUT_OF_VIEW, size=(200, 200)).millimetres.astype(float) for mm in (1500, 4000))
    near, far = near[near > 0], far[far > 0]
    assert abs(np.median(near) - 1500) < 5
    assert abs(np.median(far) - 4000) < 20
    assert far.std() > 3 * near.std()


def test_no_reading_beyond_the_range_and_where_little_light_returns() -> None:
    assert (measure(9000, OUT_OF_VIEW).millimetres == 0).all()
    assert (measure(300, OUT_OF_VIEW).millimetres == 0).all()
    assert (measure(3000, OUT_OF_VIEW, infrared=0.001).millimetres == 0).mean() > 0.9
    assert (measure(2500, OUT_OF_VIEW).millimetres > 0).mean() > 0.95


def test_edges_throw_a_shadow_to_one_side() -> None:
    post = capsule([0.0, -2.0, 1.2], [0.0, 2.0, 1.2], (0.1, 0.1))
    frame = measure(2500, post, size=(256, 64))
    person = np.flatnonzero(frame.person[32])
    left, right = frame.millimetres[:, person[0] - 4 : person[0]], frame.millimetres[:, person[-1] + 1 : person[-1] + 2]
    assert (right == 0).mean() > 0.9
    assert (left == 0).mean() < 0.2


def test_infrared_falls_with_distance_and_saturates_nearby() -> None:
    values = [float(np.median(measure(mm, OUT_OF_VIEW).infrared)) for mm in (1000, 2500, 5000)]
    assert values[0] > 250 > values[1] > 1.7 * values[2]


def test_infrared_does_not_see_the_lamps_but_rgb_does() -> None:
    show = perform(WAVE, seed=0, num_frames=1)
    color, depth = place_sensor(0, 1, 1, (48, 48), (48, 48))
    pictures = []
    for strength in (0.05, 1.0):
        light = Light(lamp=np.array([0.0, 2.4, -1.0]), color=np.full(3, strength), ambient=np.full(3, strength / 2))
        room = draw_room(0, 1)
        backdrops = [build_backdrop(eye, room, (), 0.0) for eye in (color, depth)]
        lit = light_backdrop(backdrops[0], color, room, light)
        rgb = ColorSensor(color, backdrops[0], lit, light, generator(0, "a"), shrink=False).expose(show.capsules, 0)
        frame = DepthSensor(depth, backdrops[1], generator(0, "b"), generator(0, "c")).measure(show.capsules, 0)
        pictures.append((rgb, frame.infrared, frame.millimetres))
    (dark, ir, mm), (bright, same_ir, same_mm) = pictures
    np.testing.assert_array_equal(ir, same_ir)
    np.testing.assert_array_equal(mm, same_mm)
    assert bright.mean() > 1.5 * dark.mean()


def test_some_takes_are_nearly_dark() -> None:
    strengths = [float(draw_light(0, 1, f"take {i}").ambient.mean()) for i in range(200)]
    assert 0.1 < np.mean(np.array(strengths) < 0.08) < 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": SampleName(1, 1, 1, 1, 2)}, "action 2 cannot be rendered: choose from 1, 6"),
        ({"num_frames": 0}, "num_frames is 0: give at least 1"),
        ({"size": ((0, 8), (8, 8))}, "each at least 1"),
    ],
)
def test_bad_arguments(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_clip(**({"name": WAVE} | changes))


def test_sheet_shows_every_recording_in_three_rows(wave: Recording) -> None:
    image = sheet([wave, wave], columns=4, height=32)
    assert image.shape == (2 * 3 * 34, 4 * 34, 3)
    assert image.dtype == np.uint8
    with pytest.raises(ValueError, match="no recording was given"):
        sheet([])


def test_jet_leaves_no_reading_black() -> None:
    colors = jet(np.array([[0, 1000, 5000]], dtype=np.uint16), 1000, 5000)
    assert colors[0, 0].tolist() == [0, 0, 0]
    assert colors[0, 1, 2] > colors[0, 1, 0]
    assert colors[0, 2, 0] > colors[0, 2, 2]

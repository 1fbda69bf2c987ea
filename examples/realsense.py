"""A depth camera's colour and depth, pushed into a stream: with an Intel RealSense, or from recorded files without one.

Run it: `.venv/bin/python examples/realsense.py MODEL` with the camera (it needs `pip install pyrealsense2`), or
`… examples/realsense.py MODEL rgb=clip_rgb.npy depth=clip_depth.npy` from files. A Kinect differs in `camera` alone.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np

from actionmae.inference import StreamPredictor

WINDOW = 2.0  # as long as the clips that the model was trained on
FPS = 30

Frames = dict[str, np.ndarray]


def camera() -> Iterator[tuple[Frames, float]]:
    """Colour (RGB) and depth (millimetres), seen from the same place, and the device's own time in seconds."""
    import pyrealsense2 as rs

    pipeline, config = rs.pipeline(), rs.config()
    config.enable_stream(rs.stream.color, 640, 480, rs.format.rgb8, FPS)
    config.enable_stream(rs.stream.depth, 640, 480, rs.format.z16, FPS)
    profile = pipeline.start(config)
    millimetres = 1000 * profile.get_device().first_depth_sensor().get_depth_scale()
    align = rs.align(rs.stream.color)
    try:
        while True:
            frames = align.process(pipeline.wait_for_frames())
            depth = np.asanyarray(frames.get_depth_frame().get_data()) * millimetres
            color = np.asanyarray(frames.get_color_frame().get_data())
            yield {"rgb": color, "depth": depth.astype(np.uint16)}, frames.get_timestamp() / 1000
    finally:
        pipeline.stop()


def recorded(files: dict[str, str]) -> Iterator[tuple[Frames, float]]:
    """The same from .npy files, time first, as fast as the camera would give them."""
    clips = {name: np.load(path) for name, path in files.items()}
    start = time.monotonic()
    for at in range(min(map(len, clips.values()))):
        time.sleep(max(0.0, start + at / FPS - time.monotonic()))
        yield {name: clip[at] for name, clip in clips.items()}, at / FPS


def main() -> None:
    """Push, ask, print."""
    model, *words = sys.argv[1:]
    stream = StreamPredictor.load(model, window_seconds=WINDOW)
    source = recorded(dict(word.split("=", 1) for word in words)) if words else camera()
    start = time.monotonic()
    for frames, stamp in source:
        now = time.monotonic() - start
        for name, frame in frames.items():
            stream.push(name, frame, stamp, arrived=now)  # the camera's clock is not ours: it is followed
        answer = stream.predict(now)
        label = f"{answer.prediction.label} {answer.prediction.probabilities[0]:.2f}" if answer.prediction else ""
        print(f"{now:6.2f} s  {label or answer.state}")


if __name__ == "__main__":
    main()

"""What FFmpeg says of a video that it reads all the same."""

from pathlib import Path

import av

from actionmae.core.modality import resolve
from actionmae.data.reading.complaints import describe_complaints, ffmpeg_complaints
from actionmae.data.reading.readers import frames_of, open_reader
from helpers.damage import punch_hole, write_dependent_frames


def _complaints(path: Path) -> list[str]:
    with ffmpeg_complaints() as found:
        for _ in frames_of(open_reader(path, resolve("rgb"))):
            pass
    return found


def test_only_damaged_videos_make_it_complain(tmp_path: Path) -> None:
    sound, damaged = tmp_path / "a.avi", tmp_path / "b.avi"
    for path in (sound, damaged):
        write_dependent_frames(path)
    punch_hole(damaged, 1000)
    before = av.logging.get_level()
    found = _complaints(damaged)
    assert found
    assert describe_complaints(found).startswith(f"FFmpeg reports {len(found)} errors in it, the first of them: ")
    assert _complaints(sound) == [], "nothing of the other file is left over"
    assert av.logging.get_level() == before

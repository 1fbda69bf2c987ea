"""What is too much is refused before it is stored, in one sentence."""

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from actionmae.app.uploads import UploadLimit

MB = 1_000_000


def answered(limit: UploadLimit, path: str, length: int | None, parts: int = 3) -> tuple[int, str]:
    """Status and text of a request; also that it was read to its end."""
    sent: list[MutableMapping[str, Any]] = []
    left = [{"type": "http.request", "more_body": at < parts - 1} for at in range(parts)]

    async def receive() -> MutableMapping[str, Any]:
        return left.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    asyncio.run(limit({"type": "http", "path": path, "headers": headers}, receive, send))
    assert not left
    return sent[0]["status"], sent[1]["body"].decode()


@pytest.fixture
def limit(tmp_path: Path) -> UploadLimit:
    async def server(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"taken"})

    return UploadLimit(server, folder=tmp_path, megabytes=2, most=3)


def test_an_upload_within_the_limits_is_taken(limit: UploadLimit) -> None:
    assert answered(limit, "/gradio_api/upload", 2 * MB) == (200, "taken")
    assert answered(limit, "/gradio_api/queue/join", None) == (200, "taken")
    assert limit.underway == 0


def test_a_long_upload_and_one_of_unknown_length_are_refused(limit: UploadLimit) -> None:
    assert answered(limit, "/gradio_api/upload", 7 * MB) == (
        413,
        "the upload has 7 MB: give a recording of at most 2 MB",
    )
    status, sentence = answered(limit, "/gradio_api/upload", None)
    assert (status, sentence) == (413, "the upload does not say how long it is: upload it from the page")


def test_many_uploads_are_refused(limit: UploadLimit, tmp_path: Path) -> None:
    for at in range(3):
        assert answered(limit, "/upload", MB)[0] == 200
        (tmp_path / f"folder{at}").mkdir()
        (tmp_path / f"folder{at}/clip.npy").write_bytes(b"x")
    status, sentence = answered(limit, "/upload", MB)
    assert status == 413
    assert sentence.startswith("3 recordings lie here already, which is all that there is room for: try again later")


def test_uploads_that_are_on_their_way_count(limit: UploadLimit) -> None:
    limit.underway = 6 * MB
    assert "there is room for" in str(limit.refusal(2 * MB))
    limit.underway = 3 * MB
    assert limit.refusal(2 * MB) is None

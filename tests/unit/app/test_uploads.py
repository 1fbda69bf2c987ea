"""What is too much is refused before it is stored, in one sentence."""

import asyncio
import itertools
import time
from collections.abc import MutableMapping
from typing import Any

import pytest

from actionmae.app.uploads import DELETED_EVERY, KEPT_SECONDS, UploadLimit

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
def limit() -> UploadLimit:
    async def server(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        broken = "broken" in scope["path"]
        await send({"type": "http.response.start", "status": 400 if broken else 200})
        await send({"type": "http.response.body", "body": b"broken" if broken else b"taken"})

    return UploadLimit(server, megabytes=2, most=3)


def test_an_upload_within_the_limits_is_taken(limit: UploadLimit) -> None:
    assert answered(limit, "/gradio_api/upload", 2 * MB) == (200, "taken")
    assert answered(limit, "/gradio_api/queue/join", None) == (200, "taken")


def test_a_long_upload_and_one_of_unknown_length_are_refused(limit: UploadLimit) -> None:
    assert answered(limit, "/gradio_api/upload", 7 * MB) == (
        413,
        "the upload has 7 MB: give a recording of at most 2 MB",
    )
    status, sentence = answered(limit, "/gradio_api/upload", None)
    assert (status, sentence) == (413, "the upload does not say how long it is: upload it from the page")


def test_many_uploads_are_refused_until_the_first_are_deleted(
    limit: UploadLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(1000.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    for _ in range(3):
        assert answered(limit, "/upload", MB)[0] == 200
    status, sentence = answered(limit, "/upload", MB)
    assert status == 413
    assert sentence.startswith("3 recordings lie here already, which is all that there is room for: try again later")
    assert sentence.endswith("they are deleted after 60 minutes")
    clock = itertools.count(1000.0 + KEPT_SECONDS + 2 * DELETED_EVERY)
    assert answered(limit, "/upload", MB)[0] == 200


def test_only_uploads_count(limit: UploadLimit) -> None:
    """A result picture is put where recordings are, too: the page is not full after a hundred plays."""
    for path in ("/gradio_api/queue/join", "/broken/upload"):
        for _ in range(5):
            assert answered(limit, path, MB)[1] in ("taken", "broken")
    assert limit.refusal(2 * MB) is None


def test_uploads_that_are_on_their_way_count() -> None:
    said: list[str | None] = []

    async def server(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        said.append(limit.refusal(2 * MB))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"taken"})

    limit = UploadLimit(server, megabytes=2, most=2)
    for _ in range(2):
        assert answered(limit, "/upload", 2 * MB)[0] == 200
    assert said[0] is None
    assert "2 recordings lie here already" in str(said[1])

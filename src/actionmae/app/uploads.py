"""How many recordings may lie on the server: asked before one is stored, as Gradio limits only the size of each."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

KEPT_SECONDS = 3600
"""Uploads are deleted when they are older,"""
DELETED_EVERY = 60
"""which is looked for so often (seconds)."""

_FORM = 1_000_000
"""Bytes that a form may add to the recording in it."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Server = Callable[[Message, Receive, Send], Awaitable[None]]


class UploadLimit:
    """ASGI middleware that refuses uploads, with a sentence, while there are too many.

    Args:
        server: What answers everything else.
        megabytes: Of one upload.
        most: Uploads that are kept at a time; also how many of the largest size there is room for.
    """

    def __init__(self, server: Server, *, megabytes: int, most: int) -> None:
        self.server, self.megabytes, self.most = server, megabytes, most
        self._kept: dict[object, tuple[float, int]] = {}
        """When each upload that is here, or on its way, was let in, and how many bytes it has."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].endswith("/upload"):
            await self.server(scope, receive, send)
            return
        length = int(dict(scope["headers"]).get(b"content-length", b"-1"))
        refusal = self.refusal(length)
        if refusal:
            await _refuse(refusal, receive, send)
            return
        upload, stored = object(), False
        self._kept[upload] = (time.monotonic(), length)

        async def noted(message: Message) -> None:
            nonlocal stored
            stored = stored or message.get("status") == 200
            await send(message)

        try:
            await self.server(scope, receive, noted)
        finally:
            if not stored:
                self._kept.pop(upload, None)

    def refusal(self, length: int) -> str | None:
        """Why a request of so many bytes is not taken (-1 = it does not say how many); None = it is."""
        if length < 0:
            return "the upload does not say how long it is: upload it from the page"
        largest = 1_000_000 * self.megabytes
        if length > largest + _FORM:
            return f"the upload has {length / 1e6:.0f} MB: give a recording of at most {self.megabytes} MB"
        gone = time.monotonic() - KEPT_SECONDS - DELETED_EVERY
        self._kept = {upload: (since, size) for upload, (since, size) in self._kept.items() if since > gone}
        bytes_kept = sum(size for _, size in self._kept.values())
        if len(self._kept) >= self.most or bytes_kept + length > self.most * largest + _FORM:
            return (
                f"{len(self._kept)} recordings lie here already, which is all that there is room for: "
                f"try again later, they are deleted after {KEPT_SECONDS // 60} minutes"
            )
        return None


async def _refuse(sentence: str, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):  # a browser that cannot finish would show a broken connection instead
        pass
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})

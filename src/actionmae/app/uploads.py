"""How many recordings may lie on the server: asked before one is stored, as Gradio limits only the size of each."""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

KEPT_SECONDS = 3600
"""Uploads are deleted when they are older."""

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
        folder: Where uploads are stored.
        megabytes: Of one upload.
        most: Uploads that lie there at a time; also how many of the largest size there is room for.
    """

    def __init__(self, server: Server, *, folder: Path, megabytes: int, most: int) -> None:
        self.server, self.folder, self.megabytes, self.most = server, folder, megabytes, most
        self.underway = 0

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
        self.underway += length
        try:
            await self.server(scope, receive, send)
        finally:
            self.underway -= length

    def refusal(self, length: int) -> str | None:
        """Why a request of so many bytes is not taken (-1 = it does not say how many); None = it is."""
        if length < 0:
            return "the upload does not say how long it is: upload it from the page"
        largest = 1_000_000 * self.megabytes
        if length > largest + _FORM:
            return f"the upload has {length / 1e6:.0f} MB: give a recording of at most {self.megabytes} MB"
        sizes = [path.stat().st_size for path in self.folder.rglob("*") if path.is_file()]
        if len(sizes) >= self.most or sum(sizes) + self.underway + length > self.most * largest + _FORM:
            return (
                f"{len(sizes)} recordings lie here already, which is all that there is room for: "
                f"try again later, they are deleted after {KEPT_SECONDS // 60} minutes"
            )
        return None


async def _refuse(sentence: str, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):  # a browser that cannot finish would show a broken connection instead
        pass
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})

"""The floor: uvicorn and a raw ASGI function that decodes a JSON body and sends its message back."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvicorn

__all__ = ["app"]

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer every request with the message of its body."""
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        event = await receive()
        body += event["body"]
        more = event.get("more_body", False)
    answer = msgspec.json.encode({"answer": msgspec.json.decode(body)["message"]})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
    )

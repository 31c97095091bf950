"""Plain ASGI: bounded reading, typed decoding, answers of one piece."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Message, Receive, Send

from shipmate.errors import Invalid, Malformed, TooLarge, WrongMediaType

__all__ = ["ENCODER", "Headers", "RawHeaders", "decode", "read_form", "read_json", "send_answer"]

Headers = dict[bytes, bytes]
RawHeaders = Sequence[tuple[bytes, bytes]]
Request = TypeVar("Request")

ENCODER = msgspec.json.Encoder()
MOST_FIELDS = 32
# A body that is somewhat too long is read to its end, so that the caller gets the answer instead of a reset.
DISCARDED_BYTES = 1024 * 1024
NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
NOT_STORED = (b"cache-control", b"no-store")
SEE = "Compare it with /openapi.json."


async def read_json(headers: Headers, receive: Receive, *, limit_bytes: int, timeout_s: float) -> bytes:
    """Return the body of a JSON request.

    Raises `WrongMediaType`, `TooLarge` as soon as the body is over the limit, `Malformed` when it does not arrive
    in time, and `ConnectionResetError` when the caller leaves before it is complete.
    """
    _check_type(headers, b"application/json")
    return await _read(headers, receive, limit_bytes=limit_bytes, timeout_s=timeout_s)


async def read_form(headers: Headers, receive: Receive, *, limit_bytes: int, timeout_s: float) -> dict[str, str]:
    """Return the fields of a page's form, and of one that comes twice the last; raise what `read_json` raises."""
    _check_type(headers, b"application/x-www-form-urlencoded")
    body = await _read(headers, receive, limit_bytes=limit_bytes, timeout_s=timeout_s)
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        )
    except ValueError as error:
        raise Malformed("The form cannot be read.", do="Send it from the page.") from error


def _check_type(headers: Headers, wanted: bytes) -> None:
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != wanted:
        do = f"Send it with Content-Type: {wanted.decode()}."
        raise WrongMediaType(f"The body is {media_type.decode('latin-1')!r}.", do=do)


async def _read(headers: Headers, receive: Receive, *, limit_bytes: int, timeout_s: float) -> bytes:
    if int(headers.get(b"content-length", 0)) > DISCARDED_BYTES:
        raise _too_large(limit_bytes)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body") or message["type"] == "http.disconnect":
        try:
            async with asyncio.timeout(timeout_s):
                body = await _read_on(message, receive, limit_bytes)
        except TimeoutError:
            raise Malformed(f"The body did not arrive within {timeout_s:g} s.", do="Send it in one go.") from None
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    return body


def decode(decoder: msgspec.json.Decoder[Request], data: bytes | str) -> Request:
    """Return the typed request; raise `Malformed` or `Invalid` with the place of the fault."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise Invalid(f"{error}.", do=SEE) from None
    except RecursionError:
        raise Malformed("The JSON is nested too deeply.", do=SEE) from None
    except UnicodeDecodeError as error:
        raise Malformed(
            f"The JSON is not UTF-8: {error.reason} at byte {error.start}.", do="Encode as UTF-8."
        ) from None
    except msgspec.DecodeError as error:
        raise Malformed(f"{error}.", do=SEE) from None


async def send_answer(
    send: Send,
    body: bytes,
    *,
    status: int = 200,
    media_type: bytes = b"application/json",
    headers: RawHeaders = (),
) -> None:
    """Send a whole answer."""
    start = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        NOT_STORED,
        NOT_SNIFFED,
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def _read_on(message: Message, receive: Receive, limit_bytes: int) -> bytes:
    """Read to the end of the body, keeping no more than the limit of it."""
    kept = bytearray()
    seen = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        piece = message.get("body", b"")
        seen += len(piece)
        if len(kept) <= limit_bytes:
            kept += piece
        if seen > DISCARDED_BYTES:
            raise _too_large(limit_bytes)
        if not message.get("more_body"):
            return bytes(kept)
        message = await receive()


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is over {limit_bytes} bytes.", do="Send a shorter message.")

"""What pages with a form have in common."""

from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import Request

from shipmate.server.settings import ServerSettings
from shipmate.server.wire import read_form

__all__ = ["form_headers", "sent_form", "when"]


def form_headers(headers: Mapping[str, str], *, acts: bool = False) -> dict[str, str]:
    """Return a page's headers with leave for its forms to come back to it; `acts`: they change something.

    A browser says where such a form comes from only as far as the page lets it.
    """
    policy = headers["content-security-policy"].replace("form-action 'none'", "form-action 'self'")
    told = {"referrer-policy": "same-origin"} if acts else {}
    return {**headers, "content-security-policy": policy, "cache-control": "no-store", **told}


async def sent_form(request: Request, settings: ServerSettings) -> dict[str, str]:
    """Return the fields of a form, within the server's limits; raise what `read_form` raises."""
    return await read_form(
        dict(request.headers.raw),
        request.receive,
        limit_bytes=settings.body_bytes,
        timeout_s=settings.body_timeout_s,
    )


def when(at: float) -> str:
    """Return a moment as people read it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")

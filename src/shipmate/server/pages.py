"""The pages for people: the chat and the doors' reference, with everything they load served from here."""

import hashlib
from collections.abc import Callable
from functools import cached_property
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader

from shipmate.errors import Missing
from shipmate.server.access import device_cookie
from shipmate.server.canary_page import CanaryPage
from shipmate.server.compare_page import ComparePage
from shipmate.server.graph_page import GraphPage
from shipmate.server.lobby import Lobby
from shipmate.server.report_page import ReportPage
from shipmate.server.search_page import SearchPage
from shipmate.server.wire import ENCODER

__all__ = ["Pages"]

SUGGESTIONS = 4
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILE_HEADERS = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
PAGE_HEADERS = {
    **FILE_HEADERS,
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}


class Pages:
    """The chat is rendered for each visit, because the release may change; the reference once, when it is first wanted."""

    def __init__(self, lobby: Lobby, describe: Callable[[], dict[str, Any]]) -> None:
        self._assistant = lobby.assistant
        self._describe = describe
        self._files = {
            file.name: file.read_bytes()
            for file in resources.files("shipmate.server").joinpath("static").iterdir()
            if PurePosixPath(file.name).suffix in MEDIA_TYPES
        }
        self._tags = {name: f'"{hashlib.sha256(data).hexdigest()[:16]}"' for name, data in self._files.items()}
        self._templates = Environment(
            loader=PackageLoader("shipmate.server"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self.search = SearchPage(lobby, self._templates, PAGE_HEADERS)
        self.compare = ComparePage(lobby, self._templates, PAGE_HEADERS)
        self.canary = CanaryPage(lobby, self._templates, PAGE_HEADERS)
        self.report = ReportPage(lobby, self._templates, PAGE_HEADERS)
        self._needs_key = lobby.access.needs_key
        self.graph = GraphPage(lobby, self._templates, PAGE_HEADERS)

    async def home(self, request: Request) -> Response:
        """Return the chat, and give the browser an identity that its conversations belong to."""
        suggestions = self._assistant.suggestions[:SUGGESTIONS]
        page = self._rendered("chat.html", suggestions=suggestions, needs_key=self._needs_key)
        response = Response(page, media_type="text/html", headers=PAGE_HEADERS)
        if cookie := device_cookie(dict(request.headers.raw)):
            response.headers["set-cookie"] = cookie
        return response

    async def docs(self) -> Response:
        """Return the doors' reference."""
        return Response(self._reference, media_type="text/html", headers=PAGE_HEADERS)

    async def openapi(self) -> Response:
        """Return the doors' description for programs."""
        return Response(ENCODER.encode(self._described), media_type="application/json", headers=FILE_HEADERS)

    async def static(self, name: str, request: Request) -> Response:
        """Return a file of the pages, unless the browser has it already."""
        if name not in self._files:
            raise Missing(f"There is nothing at /static/{name}.", do="See /docs.")
        headers = {**FILE_HEADERS, "etag": self._tags[name]}
        if request.headers.get("if-none-match") == self._tags[name]:
            return Response(status_code=304, headers=headers)
        media_type = MEDIA_TYPES[PurePosixPath(name).suffix]
        return Response(self._files[name], media_type=media_type, headers=headers)

    @cached_property
    def _described(self) -> dict[str, Any]:
        return self._describe()

    @cached_property
    def _reference(self) -> str:
        return self._rendered("docs.html", described=self._described)

    def _rendered(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(assistant=self._assistant, **values)

"""The page of the report: the five figures with their targets, over time and by release."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request, Response
from jinja2 import Environment

from shipmate.errors import ShipmateError, Unauthorised
from shipmate.insight.report import Measure, written
from shipmate.server.forms import form_headers, when
from shipmate.server.lobby import Lobby
from shipmate.server.problems import refusal_headers
from shipmate.server.wire import ENCODER

__all__ = ["ReportPage"]

# The spans that the page offers, in days; 0 is all time.
SPANS = (7, 30, 90, 0)
MOST_DAYS = 3650
JSON = "application/json"
# The unit of what is drawn over time.
DRAWN = {"ftr": "share", "latency_p95_s": "s", "cost_per_1k_usd": "usd", "uptime": "share"}


class ReportPage:
    """Renders the report for admins; who needs a key and sends none gets a page that asks for one and tells nothing."""

    def __init__(self, lobby: Lobby, templates: Environment, headers: Mapping[str, str]) -> None:
        self._lobby = lobby
        self._template = templates.get_template("report.html")
        self._headers = {**form_headers(headers), "vary": "accept"}

    async def show(self, request: Request, days: Annotated[float, Query(ge=0, le=MOST_DAYS)] = 30) -> Response:
        """Show the report of the last days; with 0, of all time. A program that asks for JSON gets it."""
        wants_json = JSON in request.headers.get("accept", "")
        try:
            access = self._lobby.access
            access.check_reports(access.caller(dict(request.headers.raw)))
            report = await self._lobby.insight.report(days or None)
        except ShipmateError as error:
            if wants_json:
                raise
            details = self._lobby.problem(error)
            response = self._page(details.status, days, trouble=details, is_locked=isinstance(error, Unauthorised))
            response.raw_headers += refusal_headers(error)
            return response
        if wants_json:
            return Response(ENCODER.encode(report), media_type=JSON, headers=self._headers)
        return self._page(200, days, report=report)

    def _page(self, status: int, days: float, **more: Any) -> Response:
        page = self._template.render(
            assistant=self._lobby.assistant,
            days=days,
            spans=SPANS,
            drawn=DRAWN,
            written=written,
            target=_target,
            bounds=_bounds,
            when=when,
            **more,
        )
        return Response(page, status_code=status, media_type="text/html", headers=self._headers)


def _target(figure: Measure) -> str:
    if figure.target is None:
        return ""
    return f"{'≥' if figure.side == 'at least' else '≤'} {written(figure.target, figure.unit)}"


def _bounds(figure: Measure) -> str:
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return ""
    return f"{written(figure.low, figure.unit)} to {written(figure.high, figure.unit)}"

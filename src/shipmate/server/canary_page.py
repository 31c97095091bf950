"""The page of a trial: both arms, what is known of each, why the verdict is what it is, and the way to end it."""

from collections.abc import Mapping
from math import log
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment

from shipmate.errors import Invalid, ShipmateError, Unauthorised
from shipmate.release.canary.decision import Figure
from shipmate.release.canary.report import shown
from shipmate.server.forms import form_headers, sent_form, when
from shipmate.server.lobby import Lobby
from shipmate.server.problems import refusal_headers

__all__ = ["CanaryPage"]

UNKNOWN = "not known yet"
# How figures are written: of what, and by how much they are multiplied.
RATES = frozenset({"ftr_fast", "silence_rate", "handoff_rate", "refusal_rate", "flag_rate", "hallucination_rate"})
NAMES = {
    "ftr_fast": "First-turn resolution",
    "silence_rate": "Ended in silence",
    "handoff_rate": "Asked for a person",
    "refusal_rate": "Refused",
    "cost_usd": "Cost of 1,000 turns",
    "flag_rate": "Flagged by the judge",
    "hallucination_rate": "Hallucinated",
    "latency_p95_s": "Latency, p95",
    "hallucination_flag": "Flags of the judge",
    "error": "Errors",
    "sandbox_kill": "Stopped in the sandbox",
    "thumbs_down": "Thumbs down",
    "handoff_request": "Requests for a person",
    "injection_block": "Blocked injections",
}
VERDICTS = {
    None: ("Under way: nothing is decided yet", "wait"),
    "HOLD": ("Ended without a decision", "wait"),
    "PROMOTE": ("Promoted", "good"),
    "ROLLBACK": ("Taken back", "bad"),
    "FUTILE": ("Taken back: it cannot gain enough", "wait"),
}


class CanaryPage:
    """Renders a trial for admins; who needs a key and sends none gets a page that asks for one and tells nothing."""

    def __init__(self, lobby: Lobby, templates: Environment, headers: Mapping[str, str]) -> None:
        self._lobby = lobby
        self._template = templates.get_template("canary.html")
        self._headers = form_headers(headers, acts=True)

    async def show(self, request: Request) -> Response:
        """Show the trial that runs, or the last one."""
        try:
            self._admit(request)
            return self._page(200)
        except ShipmateError as error:
            return self._refused(error)

    async def act(self, request: Request) -> Response:
        """Take the candidate back, or let the FAQ alone answer."""
        form = await sent_form(request, self._lobby.settings)
        try:
            self._admit(request)
            await self._done(form.get("action", ""))
            return Response(status_code=303, headers={**self._headers, "location": "/canary"})
        except ShipmateError as error:
            return self._refused(error)

    async def _done(self, action: str) -> None:
        trials = self._lobby.trials
        match action:
            case "stop":
                await trials.stop()
            case "faq-only" | "answer":
                await trials.faq_only(on=action == "faq-only")
            case _:
                raise Invalid("The form asks for nothing that is known.", do="Load the page again.")

    def _admit(self, request: Request) -> None:
        access = self._lobby.access
        access.check_trials(access.caller(dict(request.headers.raw)))

    def _refused(self, error: ShipmateError) -> Response:
        details = self._lobby.problem(error)
        response = self._page(details.status, trouble=details, is_locked=isinstance(error, Unauthorised), is_shut=True)
        response.raw_headers += refusal_headers(error)
        return response

    def _page(self, status: int, **more: Any) -> Response:
        trials = None if more.get("is_shut") else self._lobby.trials
        state = trials.state if trials else None
        page = self._template.render(
            assistant=self._lobby.assistant,
            trial=shown(state, trials.quarter()) if state and trials else None,
            live=trials.live() if trials else None,
            names=NAMES,
            verdicts=VERDICTS,
            figure=_figure,
            when=when,
            share=_share,
            nearness=_nearness,
            **more,
        )
        return Response(page, status_code=status, media_type="text/html", headers=self._headers)


def _figure(figure: Figure, value: float | None, *, is_difference: bool = False) -> str:
    """Return a figure as people write it; what is not known is said, and is no zero."""
    if value is None:
        return UNKNOWN
    sign = "+" if is_difference else ""
    if figure.name in RATES:
        return f"{100 * value:{sign}.1f}{' points' if is_difference else ' %'}"
    if figure.name == "cost_usd":
        return f"{1000 * value:{sign}.3f} USD"
    return f"{value:{sign}.2f} s"


def _share(share: float) -> str:
    return f"{100 * share:g} %"


def _nearness(evidence: float, needed: float) -> float:
    """Return how near evidence is to what is enough, 0-1: evidence multiplies, so its logarithm is drawn."""
    return max(0.0, min(1.0, log(max(evidence, 1.0)) / log(needed)))

"""The quiet doors, on FastAPI: models, traces, passages, and the description of them all."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shipmate.curation import Change
from shipmate.errors import Invalid, Missing, ShipmateError
from shipmate.live import FaqOnly
from shipmate.release.canary.report import shown
from shipmate.server.graph_page import centre
from shipmate.server.insight_doors import InsightDoors
from shipmate.server.lobby import Lobby
from shipmate.server.openai_door import Model, ModelList
from shipmate.server.openapi import describe, json_of, list_of, openai_problems, problems
from shipmate.server.pages import Pages
from shipmate.server.problems import ProblemDetails, refusal_headers, written
from shipmate.server.search_page import told_as_invalid
from shipmate.server.wire import ENCODER, decode, read_json

__all__ = ["create_routes"]

NAME_CHARACTERS = 1024
OFFSET_LIMIT = 2**53
Name = Annotated[str, Path(max_length=NAME_CHARACTERS)]
Source = Annotated[str, Query(min_length=1, max_length=NAME_CHARACTERS, description="As a citation names it.")]
Word = Annotated[str, Query(max_length=NAME_CHARACTERS, description="One of `turn`, `name` and `source` is needed.")]
Offset = Annotated[int, Query(ge=0, le=OFFSET_LIMIT, description="In characters, as a citation has it.")]
Asked = Annotated[str, Query(min_length=1, max_length=NAME_CHARACTERS, description="As a person asks it.")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many passages.")]
FAQ_ONLY = msgspec.json.Decoder(FaqOnly)
CHANGE = msgspec.json.Decoder(Change)
QUIET = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Quiet:
    """What the quiet doors answer."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        name, created = lobby.assistant.name, int(lobby.clock.now())
        self._model = Model(id=name, created=created)

    async def models(self) -> Response:
        """List the assistant as the one model."""
        return _json(ModelList(data=(self._model,)))

    async def model(self, model: Name) -> Response:
        """Return the assistant as a model."""
        if model != self._model.id:
            raise Missing(f"There is no model {model!r}.", do=f"Use {self._model.id!r}.")
        return _json(self._model)

    async def trace(self, turn_id: Name, request: Request) -> Response:
        """Return why a turn of the caller's ended as it did."""
        return _json(await self._lobby.assistant.trace(turn_id, request.scope["caller"]))

    async def hits(self, question: Asked, request: Request, limit: Limit = 8) -> Response:
        """Return the passages that a question finds, best first, each with its legs' scores."""
        return _json(await self._lobby.curator.search(question, request.scope["caller"], limit))

    async def curation(self, request: Request) -> Response:
        """Return the repairs of the search that hold: synonyms, pins and blocks."""
        self._lobby.access.check_repairs(request.scope["caller"])
        with told_as_invalid():
            return _json(self._lobby.curator.curation())

    async def effect(self, request: Request) -> Response:
        """Return what a repair would change among the last 200 questions; nothing is saved."""
        with told_as_invalid():
            return _json(await self._lobby.curator.effect(await self._change(request), request.scope["caller"]))

    async def repair(self, request: Request) -> Response:
        """Save a repair of the search, which holds from the next question on; return all that hold."""
        with told_as_invalid():
            self._lobby.curator.make(await self._change(request), request.scope["caller"])
            return _json(self._lobby.curator.curation())

    async def _change(self, request: Request) -> Change:
        self._lobby.access.check_repairs(request.scope["caller"])
        settings = self._lobby.settings
        headers = dict(request.headers.raw)
        body = await read_json(
            headers, request.receive, limit_bytes=settings.body_bytes, timeout_s=settings.body_timeout_s
        )
        return decode(CHANGE, body)

    async def trial(self, request: Request) -> Response:
        """Return the trial that runs, or the last one: both arms, figures, harm, looks and the verdict."""
        self._lobby.access.check_trials(request.scope["caller"])
        state = self._lobby.trials.state
        if state is None:
            raise Missing("Nothing was tried here yet.", do="Begin: `shipmate canary start`.")
        return _json(shown(state, self._lobby.trials.quarter()))

    async def faq_only(self, request: Request) -> Response:
        """Let nothing but the FAQ answer, or everything again; return what is live then."""
        self._lobby.access.check_trials(request.scope["caller"])
        settings = self._lobby.settings
        body = await read_json(
            dict(request.headers.raw),
            request.receive,
            limit_bytes=settings.body_bytes,
            timeout_s=settings.body_timeout_s,
        )
        return _json(await self._lobby.trials.faq_only(on=decode(FAQ_ONLY, body).on))

    async def passages(self, source: Source, start: Offset, end: Offset, request: Request) -> Response:
        """Return the indexed passages that overlap a cited span."""
        found = await self._lobby.assistant.passages_around(source, start, end, request.scope["caller"])
        if not found:
            raise Missing(
                f"No indexed passage of {source!r} overlaps [{start}, {end}).", do="Ask again: it may be gone."
            )
        return _json(found)

    async def neighbourhood(
        self,
        request: Request,
        *,
        turn: Word = "",
        name: Word = "",
        source: Word = "",
        start: Offset = 0,
        end: Offset = 0,
    ) -> Response:
        """Return what stands around a turn's answer, a name, or a passage: its names, relations and where each is said."""
        asked = centre(turn, name, source, start, end)
        if asked is None:
            raise Missing("Nothing was asked for.", do="Send `turn`, `name`, or `source` with `start` and `end`.")
        return _json(await self._lobby.assistant.neighbourhood(asked, request.scope["caller"]))


def create_routes(lobby: Lobby) -> FastAPI:
    """Return every door that is not hot; whatever breaks in there is answered in there."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, generate_unique_id_function=lambda route: route.name)
    quiet = Quiet(lobby)
    _get(app, "/turns/{turn_id}", quiet.trace, json_of("Trace"), problems(401, 404, 422))
    _get(app, "/passages", quiet.passages, list_of("Passage"), problems(401, 404, 422))
    _get(app, "/neighbourhood", quiet.neighbourhood, json_of("Neighbourhood"), problems(401, 404, 422, 503))
    _get(app, "/search/hits", quiet.hits, list_of("Hit"), problems(401, 404, 422))
    _get(app, "/curation", quiet.curation, json_of("Curation"), problems(401, 403, 404, 422))
    for path, answer, name in (("/curation", quiet.repair, "Curation"), ("/curation/effect", quiet.effect, "Effect")):
        _post(app, path, answer, json_of("Change"), json_of(name))
    _get(app, "/canary/state", quiet.trial, json_of("TrialShown"), problems(401, 403, 404))
    _post(app, "/faq-only", quiet.faq_only, json_of("FaqOnly"), json_of("Live"))
    insight = InsightDoors(lobby)
    _post(app, "/feedback", insight.feedback, json_of("Feedback"), json_of("Feedback"))
    _post(app, "/outcomes", insight.outcomes, list_of("BroughtOutcome", least=1), json_of("Taken"))
    _get(app, "/report/figures", insight.report, json_of("Report"), problems(401, 403, 404, 422, 503))
    _get(app, "/v1/models", quiet.models, json_of("ModelList"), openai_problems(401))
    _get(app, "/v1/models/{model}", quiet.model, json_of("Model"), openai_problems(401, 404, 422))
    pages = Pages(lobby, lambda: describe(app, title=lobby.assistant.name, needs_key=lobby.access.needs_key))
    for path, page in (
        ("/", pages.home),
        ("/docs", pages.docs),
        ("/graph", pages.graph.show),
        ("/compare", pages.compare.show),
        ("/canary", pages.canary.show),
        ("/report", pages.report.show),
        ("/openapi.json", pages.openapi),
    ):
        app.add_api_route(path, page, include_in_schema=False)
    app.add_api_route("/search", pages.search.show, include_in_schema=False)
    app.add_api_route("/search", pages.search.act, methods=["POST"], include_in_schema=False)
    app.add_api_route("/canary", pages.canary.act, methods=["POST"], include_in_schema=False)
    app.add_api_route("/static/{name}", pages.static, include_in_schema=False)
    _answer_errors(app, lobby)
    return app


def _allowed(app: FastAPI, path: str) -> str:
    """Return the methods that a path takes: several doors may share it."""
    doors = [route for route in app.routes if isinstance(route, APIRoute) and route.path_regex.match(path)]
    return ", ".join(sorted({method for door in doors for method in door.methods or ()}))


def _get(
    app: FastAPI, path: str, answer: Any, content: Mapping[str, Any], refusals: Mapping[int | str, Any] | None = None
) -> None:
    summary, _, _ = answer.__doc__.partition(".")
    responses: dict[int | str, Any] = {200: {"description": "Done", "content": content}, **(refusals or {})}
    app.add_api_route(path, answer, response_class=Response, summary=summary, description="", responses=responses)


def _post(app: FastAPI, path: str, answer: Any, asked: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    summary, _, _ = answer.__doc__.partition(".")
    responses: dict[int | str, Any] = {200: {"description": "Done", "content": content}}
    app.add_api_route(
        path,
        answer,
        methods=["POST"],
        response_class=Response,
        summary=summary,
        description="",
        responses=responses | problems(400, 401, 403, 404, 413, 415, 422),
        openapi_extra={"requestBody": {"required": True, "content": asked}},
    )


def _answer_errors(app: FastAPI, lobby: Lobby) -> None:
    async def told(request: Request, error: Exception) -> Response:
        return _refusal(request, lobby.problem(error), dict(refusal_headers(error)))

    async def invalid(request: Request, error: Exception) -> Response:
        faults = error.errors() if isinstance(error, RequestValidationError) else ()
        what = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults)
        return await told(request, Invalid(f"{what}.", do="Compare it with /openapi.json."))

    async def unknown(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = _allowed(app, request.url.path)
            return _refusal(request, lobby.wrong_method(request.url.path, allowed), {b"allow": allowed.encode()})
        return await told(request, Missing(f"There is nothing at {request.url.path}.", do="See /docs."))

    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ShipmateError, told)
    app.add_exception_handler(Exception, told)


def _refusal(request: Request, details: ProblemDetails, headers: Mapping[bytes, bytes]) -> Response:
    media_type, body = written(details, request.url.path)
    response = Response(body, status_code=details.status, media_type=media_type.decode(), headers=QUIET)
    response.raw_headers += headers.items()
    return response


def _json(record: Any) -> Response:
    return Response(ENCODER.encode(record), media_type="application/json", headers=QUIET)

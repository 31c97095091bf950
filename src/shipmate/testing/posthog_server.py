"""A server on loopback that speaks the part of PostHog's protocol which is used, faults included."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any, Self
from uuid import UUID

from aiohttp import web

__all__ = ["PostHogServer"]

Flag = bool | str | None


class PostHogServer:
    """An async context manager: inside, `url` is its address; it knows one project and what its flags say of a user."""

    def __init__(self, flags: dict[str, Callable[[str], Flag]], *, key: str = "phc_test") -> None:
        self.url = ""
        self.key = key
        # By flag: what a user gets; nothing where the flag is switched off.
        self.flags = flags
        # Each request takes the next fault: a status with its headers, seconds of silence, a body, or no fault.
        self.faults: deque[tuple[int, dict[str, str]] | float | str | None] = deque()
        self.is_down = False
        self.is_limited = False
        self.asked: list[dict[str, Any]] = []
        # By their uuid: the server counts an event once, however often it is sent.
        self.events: dict[str, dict[str, Any]] = {}
        self.batches: list[int] = []
        # Events with this in their name are refused, and the batch they are in.
        self.refuses = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/flags", self._evaluate)
        app.router.add_post("/batch/", self._capture)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _evaluate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if fault := await self._fault(request, body):
            return fault
        if request.query.get("v") != "2" or not body.get("distinct_id"):
            return web.json_response({"type": "validation_error"}, status=400)
        if self.is_limited:
            return web.json_response(
                {"flags": {}, "errorsWhileComputingFlags": False, "quotaLimited": ["feature_flags"]}
            )
        wanted = body.get("flag_keys_to_evaluate") or list(self.flags)
        values = {key: self.flags[key](body["distinct_id"]) for key in wanted if key in self.flags}
        flags = {key: _detailed(key, value) for key, value in values.items() if value is not None}
        return web.json_response({"flags": flags, "errorsWhileComputingFlags": False, "requestId": "1"})

    async def _capture(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if fault := await self._fault(request, body):
            return fault
        batch = body["batch"]
        self.batches.append(len(batch))
        if any(not event.get("distinct_id") or (self.refuses and self.refuses in json.dumps(event)) for event in batch):
            return web.json_response({"type": "validation_error"}, status=400)
        self.events.update({str(UUID(event["uuid"])): event for event in batch})
        return web.json_response({"status": "Ok"})

    async def _fault(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse | None:
        if self.is_down:
            return web.Response(status=503)
        match self.faults.popleft() if self.faults else None:
            case float(silence_s):
                await asyncio.sleep(silence_s)
            case (int(status), headers):
                if status == 0:
                    assert request.transport is not None  # noqa: S101 - a request has one
                    request.transport.close()
                return web.Response(status=status or 500, headers=headers)
            case str(text):
                return web.Response(text=text)
        if body.get("api_key") != self.key:
            return web.json_response({"type": "authentication_error"}, status=401)
        return None


def _detailed(key: str, value: bool | str) -> dict[str, Any]:  # noqa: FBT001 - a flag's value
    enabled = value is not False
    reason = {"code": "condition_match" if enabled else "no_condition_match", "condition_index": 0}
    variant = {"variant": value} if isinstance(value, str) else {}
    return {"key": key, "enabled": enabled, **variant, "reason": reason, "metadata": {"id": 1, "version": 1}}

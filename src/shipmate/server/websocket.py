"""`/ws`: a conversation over one socket, each event of a turn as a JSON text frame.

The first frame may carry what a browser cannot put into headers: key, language, consent. A frame that cannot be used is
answered with an error event, and the socket stays.
"""

import asyncio
import contextlib
from contextlib import aclosing

import msgspec
from starlette.types import Receive, Send

from shipmate.errors import ConversationBusy, ShipmateError, Unauthorised
from shipmate.messages import Ask, Finished, StreamEvent
from shipmate.server.access import consent, consent_in, language, language_in
from shipmate.server.chat import ConversationId
from shipmate.server.lobby import Lobby
from shipmate.server.problems import Failed
from shipmate.server.wire import ENCODER, Headers, decode

__all__ = ["Session", "SocketFrame"]


class SocketFrame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client says: a message, settings that hold from now on, or both."""

    message: str | None = None
    conversation_id: ConversationId = ""
    api_key: str | None = None
    # As the header Accept-Language.
    accept_language: str | None = None
    # As the header X-Consent-ID; empty withdraws it.
    consent_id: str | None = None


DECODER = msgspec.json.Decoder(SocketFrame)
# Close codes of RFC 6455.
NORMAL, NOT_TEXT, NOT_ALLOWED = 1000, 1003, 1008


class Session:
    """One open socket: frames are heeded while a turn runs, so that a client's leaving ends it."""

    def __init__(self, lobby: Lobby, headers: Headers, receive: Receive, send: Send) -> None:
        self._lobby = lobby
        self._receive = receive
        self._send = send
        self._language = language_in(headers)
        self._consent_id = consent_in(headers)
        # Empty until the first frame shows a key.
        self._caller = ""
        with contextlib.suppress(Unauthorised):
            self._caller = lobby.access.caller(headers)
        self._asks: asyncio.Queue[Ask] = asyncio.Queue(maxsize=1)
        self._answers = False

    async def run(self) -> None:
        """Serve until either side closes."""
        self._lobby.metrics.sockets += 1
        try:
            await self._serve()
        finally:
            self._lobby.metrics.sockets -= 1

    async def _serve(self) -> None:
        await self._receive()
        await self._send({"type": "websocket.accept"})
        answering = asyncio.create_task(self._answer())
        code = 0
        try:
            code = await self._listen()
        except ConnectionError:
            pass
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        if code:
            with contextlib.suppress(OSError):
                await self._send({"type": "websocket.close", "code": code})

    async def _listen(self) -> int:
        """Heed frames until the client leaves (0), or has to leave (the close code)."""
        while True:
            try:
                async with asyncio.timeout(self._patience_s):
                    message = await self._receive()
            except TimeoutError:
                if not self._caller:
                    return NOT_ALLOWED
                if self._answers:
                    continue
                return NORMAL
            if message["type"] == "websocket.disconnect":
                return 0
            if message.get("text") is None:
                return NOT_TEXT
            try:
                self._heed(decode(DECODER, message["text"]))
            except ShipmateError as error:
                await self._tell(Failed(problem=self._lobby.problem(error)))
                if isinstance(error, Unauthorised):
                    return NOT_ALLOWED

    @property
    def _patience_s(self) -> float:
        settings = self._lobby.settings
        return settings.ws_idle_s if self._caller else settings.ws_key_s

    def _heed(self, frame: SocketFrame) -> None:
        """Take over settings and queue the message, if there is one."""
        access = self._lobby.access
        if frame.api_key is not None and access.needs_key:
            self._caller = access.key_name(frame.api_key.encode())
        if not self._caller:
            raise Unauthorised("The first frame showed no API key.", do='Send {"api_key": "..."} first.')
        if frame.accept_language is not None:
            self._language = language(frame.accept_language)
        if frame.consent_id is not None:
            self._consent_id = consent(frame.consent_id)
        if frame.message is not None:
            self._queue(frame.message, frame.conversation_id)

    def _queue(self, message: str, conversation_id: str) -> None:
        ask = Ask(
            text=message,
            conversation_id=conversation_id,
            caller=self._caller,
            language=self._language,
            consent_id=self._consent_id,
            channel="ws",
        )
        try:
            self._asks.put_nowait(ask)
        except asyncio.QueueFull:
            raise ConversationBusy(
                "One message runs and one waits on this socket.", do="Wait for `finished`."
            ) from None

    async def _answer(self) -> None:
        """Run the queued messages one after the other."""
        while True:
            ask = await self._asks.get()
            self._answers = True
            try:
                await self._turn(ask)
            except ConnectionError:
                return
            except Exception as error:  # noqa: BLE001 - whatever broke, the client is told
                await self._tell(Failed(problem=self._lobby.problem(error)))
            finally:
                self._answers = False

    async def _turn(self, ask: Ask) -> None:
        self._lobby.admit()
        with self._lobby.metrics.turn(ask.channel) as counted:
            async with aclosing(self._lobby.assistant.turn(ask)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        counted.reply = event.reply
                    await self._tell(event)

    async def _tell(self, event: StreamEvent | Failed) -> None:
        try:
            await self._send({"type": "websocket.send", "text": ENCODER.encode(event).decode()})
        except OSError:
            raise ConnectionResetError from None

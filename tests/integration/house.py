"""A real server on a free port, and the smallest client that can be as rude as a test needs."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shipmate.server.app import create_app
from shipmate.server.listen import HouseServer, bind
from shipmate.server.lobby import Compared, Curator, Insight, Lobby, Trials
from shipmate.server.settings import ServerSettings
from tests.integration.fake_assistant import FakeAssistant

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class House:
    """A running server."""

    port: int
    assistant: FakeAssistant
    lobby: Lobby
    server: HouseServer
    thread: threading.Thread = field(repr=False)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, record: object, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("POST", path, json.dumps(record).encode(), JSON | dict(headers or {}))

    def chat(self, message: str, headers: Mapping[str, str] | None = None, **more: str) -> Answer:
        return self.post("/chat", {"message": message, **more}, headers)

    def raw(self, data: bytes = b"") -> socket.socket:
        """Open a plain socket and send bytes."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        sock.sendall(data)
        return sock


@contextmanager
def open_house(
    assistant: FakeAssistant | None = None,
    *,
    curator: Curator | None = None,
    compared: Compared | None = None,
    trials: Trials | None = None,
    insight: Insight | None = None,
    **settings: Any,
) -> Iterator[House]:
    """Serve a fake assistant in a thread until the block ends."""
    assistant = assistant or FakeAssistant()
    told = threading.Event()
    chosen = ServerSettings(**{"port": 0, "shutdown_grace_s": 2.0, **settings})
    app = create_app(
        assistant,
        chosen,
        clock=assistant.clock,
        curator=curator,
        compared=compared,
        trials=trials,
        insight=insight,
    )
    with bind(chosen) as sock:
        server = HouseServer(app, chosen, listening=told.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            assert told.wait(20)
            yield House(sock.getsockname()[1], assistant, app.lobby, server, thread)
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive()


def chat_request(message: str, *headers: str) -> bytes:
    """Return a whole request, byte by byte."""
    body = json.dumps({"message": message}).encode()
    lines = ["POST /chat HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> bool:
    """Return whether it holds before the time is over."""
    deadline = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def events(answer: Answer) -> list[tuple[str, Any]]:
    """Return the named events of an event stream."""
    found = []
    for frame in answer.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found

"""A server that is killed at any moment of its turns loses nothing that a client saw acknowledged, and starts again."""

import http.client
import json
import os
import random
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing as closed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from shipmate.adapters.sqlite.snapshot import check_integrity
from shipmate.messages import Role
from tests.journeys.process import begun, make_garden

QUESTION = "When are roses pruned?"
CLIENTS = 4
LONGEST_LIFE_S = 0.3
UNLIMITED = "version: 1\nserver:\n  limits: {turns_per_minute: 100000, burst: 100000}\n"
SAID = "SELECT conversation_id, turn_id, role, text FROM messages"


@dataclass
class Seen:
    """What clients saw acknowledged: by conversation and turn, what the user wrote and what was answered."""

    questions: dict[tuple[str, str], str] = field(default_factory=dict)
    replies: dict[tuple[str, str], str] = field(default_factory=dict)

    def reply(self, message: str, reply: dict[str, Any]) -> None:
        turn = reply["conversation_id"], reply["turn_id"]
        self.questions[turn] = message
        self.replies[turn] = reply["text"]


class Client:
    """Somebody who asks until nobody answers, now for a whole reply and now for its events."""

    def __init__(self, port: int, name: str, chance: random.Random, seen: Seen) -> None:
        self._port = port
        self._name = name
        self._chance = chance
        self._seen = seen
        self._conversation_id = ""

    def run(self) -> None:
        number = 0
        # What a killed server leaves of an answer can be anything but a whole acknowledgement.
        with suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
            while True:
                message = f"{QUESTION} {self._name}-{number} {'please ' * self._chance.randrange(100)}".strip()
                (self._ask_for_json if self._chance.random() < 0.5 else self._ask_for_events)(message)
                number += 1

    def _ask_for_json(self, message: str) -> None:
        with self._asked(message, "application/json") as response:
            self._finished(message, json.loads(response.read()))

    def _ask_for_events(self, message: str) -> None:
        turn = "", ""
        with self._asked(message, "text/event-stream") as response:
            for name, data in events(response):
                match name:
                    case "started":
                        turn = data["conversation_id"], data["turn_id"]
                    case "token":
                        self._seen.questions[turn] = message
                    case "finished":
                        self._finished(message, data["reply"])

    def _finished(self, message: str, reply: dict[str, Any]) -> None:
        self._seen.reply(message, reply)
        self._conversation_id = self._chance.choice(["", reply["conversation_id"]])

    @contextmanager
    def _asked(self, message: str, accept: str) -> Iterator[http.client.HTTPResponse]:
        with closed(http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)) as connection:
            body = json.dumps({"message": message, "conversation_id": self._conversation_id})
            connection.request("POST", "/chat", body, {"Content-Type": "application/json", "Accept": accept})
            response = connection.getresponse()
            assert response.status == 200
            yield response


def events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    """Yield each event of a stream once its last line is here."""
    name, data = "", ""
    for line in response:
        match line.decode().rstrip("\n").partition(": "):
            case "event", _, name:
                pass
            case "data", _, data:
                pass
            case "", _, _ if line.endswith(b"\n") and name:
                yield name, json.loads(data)
                name = ""


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Serve the folder, and kill the server at the end of the block."""
    with begun("serve", folder, "--port", "0") as server:
        assert server.stdout
        assert server.stderr
        line = server.stdout.readline()
        ready = re.search(r" is ready at http://127\.0\.0\.1:(\d+)", line)
        assert ready, f"it does not start: {line or server.stderr.read()}"
        yield int(ready[1])


def killed_life(folder: Path, life: int, chance: random.Random, seen: Seen) -> None:
    """Let clients ask a server at once, and kill it so long after the first reply, which must be a right one."""
    with serving(folder) as port:
        assert_answers(port, seen)
        clients = [Client(port, f"{life}-{number}", random.Random(chance.random()), seen) for number in range(CLIENTS)]
        threads = [Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0, LONGEST_LIFE_S))
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def assert_answers(port: int, seen: Seen) -> None:
    """Ask what the index must know."""
    with closed(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/chat", json.dumps({"message": QUESTION}), {"Content-Type": "application/json"})
        reply = json.loads(connection.getresponse().read())
    assert "in March" in reply["text"]
    assert [citation["source"] for citation in reply["citations"]] == ["roses.md"]
    seen.reply(QUESTION, reply)


def assert_whole(path: Path, seen: Seen) -> None:
    check_integrity(path)
    with closed(sqlite3.connect(path)) as connection:
        said = {(thread, turn, role): text for thread, turn, role, text in connection.execute(SAID)}
        traces = set(connection.execute("SELECT conversation_id, turn_id FROM traces"))
    questions = {(thread, turn): text for (thread, turn, role), text in said.items() if role == Role.USER}
    replies = {(thread, turn): text for (thread, turn, role), text in said.items() if role == Role.ASSISTANT}
    assert seen.questions.items() <= questions.items(), "a question is lost"
    assert seen.replies.items() <= replies.items(), "a reply is lost"
    assert replies.keys() <= questions.keys(), "a reply without its question"
    assert replies.keys() == traces, "a reply without its trace"


@pytest.mark.parametrize("batch", [0, *(pytest.param(batch, marks=pytest.mark.real) for batch in range(1, 11))])
def test_twenty_kills_of_a_server_lose_nothing(tmp_path: Path, batch: int) -> None:
    """Ten more batches with other seeds make the long run's two hundred."""
    folder = make_garden(tmp_path / "garden")
    (folder / "stack.yml").write_text(UNLIMITED, encoding="utf-8")
    seed = int(os.environ.get("SHIPMATE_KILL_SEED", "1")) + batch
    chance = random.Random(seed)
    seen = Seen()
    for life in range(20):
        killed_life(folder, life, chance, seen)
        assert_whole(folder / ".shipmate" / "shipmate.db", seen)
    with serving(folder) as port:
        assert_answers(port, seen)
    acknowledged = f"{len(seen.questions)} questions and {len(seen.replies)} replies acknowledged"
    sys.stdout.write(f"20 kills with seed {seed}: {acknowledged}, none lost\n")

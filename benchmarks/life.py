"""A whole life of a change on the demo assistant, through the real server and the commands that people use.

    python -m benchmarks.life [--transcript FILE] [--keep DIR] [--json]

A prompt is changed, held against the gate, compared, tried by a pilot and on live traffic, and promoted; a harmful one
is taken back by itself, and then the promoted one by hand. The users are simulated, the model is a scripted server on
loopback that does what its prompt says, and days pass in minutes: all processes go by a clock that is set ahead
(`benchmarks.clocked`), always while no answer is being written.
"""

import asyncio
import contextlib
import hashlib
import http.client
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from benchmarks.clocked import CALENDAR, set_ahead
from shipmate import bootstrap
from shipmate.cli.app import app
from shipmate.testing.model_server import Body, ModelServer, Stream
from shipmate.text import stems

__all__ = ["main"]

ROOT = Path(__file__).parents[1]
MINUTE_S = 60
STEP_S = 5 * MINUTE_S
# How often somebody reads what the judge flagged.
READ_EVERY_S = 4 * 3600
# How far whoever keeps a trial may be behind the clock.
BEHIND_S = 2 * MINUTE_S
PROBE_S = 0.05
DAY_S = 24 * 3600
# Lines of a command's output that the transcript shows.
SHOWN = 24
HARM_BOUND_S = 30
# How long nobody asks, so that whoever keeps the trial can look.
NOTICED_S = 4
PASSAGE = re.compile(r"^\[(\d+)\] .*\n((?:(?!^\[\d+\] |^</passages).*\n?)*)", re.MULTILINE)
SENTENCE = re.compile(r"[A-Z][^.!?\n|`]{30,240}[.!?](?=\s|$)")
MODEL = "model: {{adapter: openai_compatible, base_url: '{url}', model: scripted}}"
CONTROL, FULLER, BOASTING = "Answer in one sentence.", "Answer in two sentences.", "Promise a date for everything."
CANARY = """version: 1
variants:
  - {{name: control, prompt: prompts/answer.md}}
  - {{name: {name}, prompt: "{prompt}"}}
traffic_split: 95/5
canary:
  steps: [{{share: 5%, hold: 2h, mode: harm}}, {{share: 50%, until: decided}}]
  max_days: 4
  hallucination: {{rule: not_worse}}
  guardrails: {{latency_p95: {{ni: 200%}}, refusal_rate: {{ni: 5pp}}, silence_rate: {{ni: 6pp}}}}
"""


def scripted(body: Body) -> Stream:
    """Answer from the passages as the prompt says: in one sentence, in two, or out of thin air."""
    system, asked = body["messages"][0]["content"], body["messages"][-1]["content"]
    question = frozenset(stems(asked.rpartition("Question:")[2]))
    found = [
        (len(question & frozenset(stems(said[0]))), -int(passage[1]), said[0])
        for passage in PASSAGE.finditer(asked)
        for said in SENTENCE.finditer(passage[2])
    ]
    best = sorted(found, reverse=True)
    if BOASTING in system:
        return Stream(
            tokens=("We will have this done for you by 4 May 2031, and it costs 900 dollars [1].",), at_once=True
        )
    wanted = 2 if FULLER in system else 1
    said = [f"{sentence} [{-number}]" for _, number, sentence in best[:wanted]]
    return Stream(tokens=(" ".join(said) or "I could not find that in the documents.",), at_once=True)


@contextlib.contextmanager
def model_server() -> Iterator[str]:
    """Serve the scripted model on a thread; yield its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ModelServer(scripted)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    try:
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@dataclass
class Calendar:
    """The one clock of all processes."""

    file: Path
    ahead_s: float = 0.0

    def turn(self, seconds: float) -> None:
        """Set all clocks ahead."""
        self.ahead_s += seconds
        draft = self.file.with_suffix(".new")
        draft.write_text(f"{self.ahead_s:.0f}", encoding="ascii")
        draft.replace(self.file)


@dataclass
class Teller:
    """Runs commands and writes down what happens."""

    folder: Path
    lines: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def say(self, text: str = "") -> None:
        """Write a line of the transcript."""
        self.lines.append(text)
        print(text, file=sys.stderr, flush=True)

    def run(self, *words: str, shown: int = SHOWN, codes: Sequence[int] = (0,)) -> str:
        """Run a command in the assistant's folder; its output goes into the transcript. Raises `SystemExit` when it fails."""
        command = [sys.executable, "-m", "benchmarks.clocked", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        said = (done.stdout + done.stderr).rstrip().splitlines()
        self.say(f"$ shipmate {' '.join(words)}")
        for line in said[:shown]:
            self.say(f"  {line}")
        if len(said) > shown:
            self.say(f"  … {len(said) - shown} more lines")
        if done.returncode:
            self.say(f"  (ended with {done.returncode})")
        if done.returncode not in codes:
            raise SystemExit(f"`shipmate {' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def quietly(self, *words: str) -> str:
        """Run a command in this process, which saves its start."""
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        with contextlib.redirect_stdout(out), contextlib.chdir(self.folder):
            app.main(list(words), standalone_mode=False)
        out.seek(0)
        return out.read()


class Server:
    """`shipmate serve`, and the people who use it."""

    def __init__(self, folder: Path, calendar: Calendar, seed: int) -> None:
        self._calendar = calendar
        self._random = random.Random(seed)
        charter = bootstrap.load(folder).charter
        self._questions = [example for intent in charter.intents for example in intent.examples] if charter else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clocked", "serve", ".", "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = (line for line in self._process.stdout or () if "127.0.0.1:" in line)
        self._port = int(next(said).rpartition("127.0.0.1:")[2].split()[0])
        self.users = 0
        self.turns = 0

    def close(self) -> None:
        """Stop it as Ctrl-C does."""
        self._process.terminate()
        self._process.wait(timeout=30)

    def ask(self, path: str, record: object = None, cookie: str = "", *, missing: Any = None) -> Any:
        """Send a request; return what it answers, or `missing` where there is nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Content-Type": "application/json"} | ({"Cookie": f"shipmate_device={cookie}"} if cookie else {})
        method, body = ("GET", None) if record is None else ("POST", json.dumps(record))
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status == http.HTTPStatus.NOT_FOUND and missing is not None:
            return missing
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise SystemExit(f"{path} answered {answer.status}: {content[:300]!r}")
        return json.loads(content) if content[:1] in (b"{", b"[") else content

    def visit(self, cookie: str = "") -> dict[str, Any]:
        """Let one person ask, and react as people do: happy ones thank or leave, others complain, ask again or leave."""
        self.users += not cookie
        cookie = cookie or hashlib.sha256(f"{self.users}".encode()).hexdigest()[:32]
        question = self._random.choice(self._questions)
        reply: dict[str, Any] = self.ask("/chat", {"message": question}, cookie)
        self.turns += 1
        quality = {"answer": 0.85 if len(reply["citations"]) > 1 else 0.55, "fallback": 0.15}.get(reply["kind"], 0.2)
        is_happy, mood = self._random.random() < quality, self._random.random()
        if is_happy and mood < 0.6:
            self.ask("/feedback", {"turn_id": reply["turn_id"], "value": 1}, cookie)
        elif not is_happy and mood < 0.25:
            self.ask("/feedback", {"turn_id": reply["turn_id"], "value": -1}, cookie)
        elif not is_happy and mood < 0.5:
            again = {"message": f"That did not help. {question}", "conversation_id": reply["conversation_id"]}
            self.ask("/chat", again, cookie)
            self.turns += 1
        return reply

    def wait(self, seconds: float) -> None:
        """Let time pass while nobody asks, minute by minute, and no faster than whoever keeps a trial can follow."""
        for _ in range(round(seconds / MINUTE_S)):
            self._calendar.turn(MINUTE_S)
            self.ask("/healthz")
            # The server asks itself whether it answers, each minute.
            time.sleep(PROBE_S)
        while (
            (trial := self.trial())
            and not trial["ended"]
            and trial["at"] < time.time() + self._calendar.ahead_s - BEHIND_S
        ):
            time.sleep(0.02)

    def trial(self) -> dict[str, Any]:
        """Return what is known of the trial; nothing where there was none."""
        known: dict[str, Any] = self.ask("/canary/state", missing={})
        return known


def promoted(server: Server, teller: Teller, calendar: Calendar) -> None:
    """Let people come until the trial has a verdict, and read what the judge flagged meanwhile."""
    began = calendar.ahead_s
    while calendar.ahead_s - began < 4 * DAY_S:
        for _ in range(5):
            server.visit()
        server.wait(STEP_S)
        if (calendar.ahead_s - began) % READ_EVERY_S < STEP_S:
            labelled = label(teller)
            teller.say(f"  {(calendar.ahead_s - began) / 3600:.0f} h: people have read {labelled} more answers")
        if server.trial()["ended"]:
            break
    teller.figures["promotion_h"] = round((calendar.ahead_s - began) / 3600, 1)


def harmed(server: Server, teller: Teller, run: str) -> None:
    """Let people come until the trial is taken back; count how long that takes from the last of them on."""

    def is_over() -> bool:
        trial = server.trial()
        return bool(trial) and trial["run"] == run and trial["ended"]

    while not is_over():
        for _ in range(30):
            server.visit()
        asked = time.monotonic()
        while not is_over() and time.monotonic() - asked < NOTICED_S:
            time.sleep(0.1)
        teller.figures["harm_noticed_s"] = round(time.monotonic() - asked, 2)
        if not is_over():
            server.wait(5 * MINUTE_S)


@dataclass
class Life:
    """What the chapters share."""

    teller: Teller
    server: Server
    calendar: Calendar
    folder: Path
    first: str
    candidate: str = ""

    def gated(self) -> None:
        """Change the prompt, and hold it against the gate."""
        teller = self.teller
        teller.say("\n# A prompt is changed, and held against the gate")
        (self.folder / "canary.yml").write_text(CANARY.format(name="fuller", prompt=FULLER), encoding="utf-8")
        self.candidate = _release(teller.run("canary", "build", "."))
        teller.run("diff", self.first, self.candidate)
        teller.run("eval", "gate", ".", "--release", self.candidate, "--report", "out", shown=12)
        teller.say("\n# It is compared on what was asked")
        teller.run("compare", ".", "--release", self.candidate, "--last", "40", "--yes", shown=18)

    def piloted(self) -> None:
        """Let fifty people try it first."""
        teller, server = self.teller, self.server
        teller.say("\n# Fifty people try it first")
        pilots = [hashlib.sha256(f"pilot {number}".encode()).hexdigest()[:32] for number in range(50)]
        named = ", ".join(f"device-{hashlib.sha256(cookie.encode()).hexdigest()[:32]}" for cookie in pilots)
        written = f"version: 1\nflag: shipmate-help-pilot\nusers: [{named}]\n"
        (self.folder / "pilot.yml").write_text(written, encoding="utf-8")
        teller.run("pilot", "start", ".", "--release", self.candidate)
        tried = {server.visit(cookie)["release"] for cookie in pilots}
        others = {server.visit()["release"] for _ in range(20)}
        teller.say(f"  answered by: pilots {sorted(tried)}, all others {sorted(others)}")
        server.wait(40 * MINUTE_S)
        teller.run("pilot", "report", ".")
        teller.run("pilot", "stop", ".", "--reason", "the canary is next")

    def promoted(self) -> None:
        """Try it on live traffic until it is promoted."""
        teller = self.teller
        teller.say("\n# It is tried on live traffic, and promoted")
        teller.run("canary", "plan", ".", "--turns-per-day", "1500")
        teller.run("canary", "start", ".", "--gate", "out/report.json")
        promoted(self.server, teller, self.calendar)
        teller.run("canary", "status", ".", shown=40)
        teller.run("canary", "verdict", ".", "--file", "verdict.json")
        teller.run("canary", "verify", "verdict.json", ".", "--release", self.candidate)
        answering = self.server.visit()["release"]
        teller.say(f"  everybody is answered by {answering}")
        teller.figures["is_promoted"] = answering == self.candidate

    def taken_back(self) -> None:
        """Try a harmful one, which is taken back by itself, and take the promoted one back by hand."""
        teller = self.teller
        teller.say("\n# A harmful one is taken back by itself")
        (self.folder / "canary.yml").write_text(CANARY.format(name="boasting", prompt=BOASTING), encoding="utf-8")
        run = teller.run("canary", "start", ".", "--without-gate").split()[0]
        harmed(self.server, teller, run)
        teller.run("canary", "status", ".", shown=30)
        teller.run("canary", "start", ".", "--without-gate", codes=(0, 2, 4))
        teller.say("\n# And the promoted one by hand")
        began = time.monotonic()
        teller.run("rollback", ".", "--reason", "a wrong price")
        while (answering := self.server.visit()["release"]) != self.first:
            if time.monotonic() - began > HARM_BOUND_S:
                raise SystemExit("The release was not taken back.")
        teller.figures["rollback_s"] = round(time.monotonic() - began, 2)
        teller.say(f"  everybody is answered by {answering}")


def live(folder: Path, url: str, teller: Teller, calendar: Calendar, seed: int) -> None:
    """Do all of it, from the first release to the last rollback."""
    prompt = folder / "prompts" / "answer.md"
    prompt.parent.mkdir(exist_ok=True)
    prompt.write_text(f"{CONTROL}\n", encoding="utf-8")
    stack = folder / "stack.yml"
    written = stack.read_text(encoding="utf-8").replace("model: extractive", MODEL.format(url=url))
    stack.write_text(written, encoding="utf-8")
    (folder / "canary.yml").unlink(missing_ok=True)
    teller.say("# A first release")
    teller.run("ingest", ".")
    teller.run("eval", "baseline", ".", shown=8)
    first = _release(teller.run("build", "."))
    teller.run("promote", first, ".")
    server = Server(folder, calendar, seed)
    try:
        life = Life(teller=teller, server=server, calendar=calendar, folder=folder, first=first)
        for _ in range(60):
            server.visit()
        server.wait(40 * MINUTE_S)
        life.gated()
        life.piloted()
        life.promoted()
        life.taken_back()
        server.wait(40 * MINUTE_S)
        teller.run("report", ".", shown=40)
        teller.figures |= {"turns": server.turns, "users": server.users}
    finally:
        server.close()


def _release(said: str) -> str:
    found = re.search(r"\b[0-9a-f]{12}\b", said)
    if found is None:
        raise SystemExit(f"No release is named in {said!r}.")
    return found[0]


def label(teller: Teller) -> int:
    """Let a person read what is to be audited: an answer is supported, for the scripted model quotes; solved as recorded."""
    todo = [one for one in json.loads(teller.quietly("audit", "list", "--json")) if not one["raters"]]
    for one in todo:
        solved = "yes" if one["recorded"] else "no"
        teller.quietly("audit", "label", one["turn_id"], "--resolved", solved, "--supported", "yes", "--rater", "ada")
    return len(todo)


@click.command()
@click.option("--transcript", type=click.Path(path_type=Path), help="Write it there too.")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Copy the assistant's folder there in the end, to look at."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures.")
def main(transcript: Path | None, seed: int, keep: Path | None, *, as_json: bool) -> None:
    """Let a change live."""
    with tempfile.TemporaryDirectory(prefix="life-") as name, model_server() as url:
        home = Path(name) / "demo"
        home.mkdir()
        calendar = Calendar(Path(name) / "calendar")
        calendar.turn(0)
        os.environ[CALENDAR] = str(calendar.file)
        set_ahead()
        for part in ("examples", "docs", "README.md", "CHANGELOG.md"):
            source = ROOT / part
            shutil.copytree(
                source, home / part, ignore=shutil.ignore_patterns(".shipmate")
            ) if source.is_dir() else shutil.copy(source, home)
        folder = home / "examples" / "shipmate-help"
        teller = Teller(folder)
        try:
            live(folder, url, teller, calendar, seed)
        finally:
            if keep:
                shutil.copytree(home, keep)
            if transcript:
                transcript.write_text("\n".join(teller.lines) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(teller.figures))


if __name__ == "__main__":
    main()

"""What is measured: Shipmate twice, three peers and the floor, each started as its users would."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from benchmarks.serving.corpus import Corpus, write_index, write_knowledge
from benchmarks.serving.environments import PEERS, python_of
from benchmarks.serving.load import Door
from benchmarks.serving.measures import without_marks
from benchmarks.serving.peers.passages import Passages
from benchmarks.serving.processes import LOAD_CORE, ROOT, SERVER_CORE, Process, environment, free_port

__all__ = ["ECHO", "EMBEDDED", "MODELLED", "Servers", "door", "running", "upstream_door"]

ECHO = "echo"
EMBEDDED = "shipmate embedded"
# With the fake upstream as its model.
MODELLED = "shipmate upstream"
# One caller asks everything here; what one may ask for is raised to what the settings allow.
STACK = """\
version: 1
server:
  limits:
    turns_per_minute: 100000
    burst: 100000
"""
MODEL = """\
model:
  adapter: openai_compatible
  base_url: {url}
  model: fake
"""


class WholeAnswer(msgspec.Struct, frozen=True):
    text: str = ""
    answer: str = ""


class TextEvent(msgspec.Struct, frozen=True):
    text: str = ""
    type: str = ""


class Delta(msgspec.Struct, frozen=True):
    content: str = ""


class Choice(msgspec.Struct, frozen=True):
    delta: Delta


class Chunk(msgspec.Struct, frozen=True):
    choices: tuple[Choice, ...]


_chunk = msgspec.json.Decoder(Chunk)
_whole = msgspec.json.Decoder(WholeAnswer)
_event = msgspec.json.Decoder(TextEvent)


def ask(question: str) -> bytes:
    return msgspec.json.encode({"message": question})


def read(body: bytes) -> str:
    answer = _whole.decode(body)
    return without_marks(answer.text or answer.answer)


def read_event(data: bytes) -> str:
    event = _event.decode(data)
    return without_marks(event.text) if event.type in ("", "token") else ""


def read_chunk(data: bytes) -> str:
    return "".join(choice.delta.content for choice in _chunk.decode(data).choices)


def door(port: int) -> Door:
    """Return the door of any server: all take a message and answer with a text."""
    return Door(port=port, path="/chat", ask=ask, read=read, read_event=read_event)


def upstream_door(servers: "Servers", questions: Sequence[str]) -> Door:
    """Return the upstream's own door, with the prompts that the peers would send."""
    passages = Passages(servers.index)
    bodies = {question: _completion(question, passages) for question in questions}
    return Door(
        port=servers.upstream.port,
        path="/v1/chat/completions",
        ask=bodies.__getitem__,
        read=lambda _: "",
        read_event=read_chunk,
    )


def _completion(question: str, passages: Passages) -> bytes:
    context = "\n\n".join(passage.text for passage in passages.search(question))
    messages = [{"role": "system", "content": context}, {"role": "user", "content": question}]
    return msgspec.json.encode({"model": "fake", "stream": True, "messages": messages})


def twin_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-twin")


@contextmanager
def running(data: Path, corpus: Corpus, names: Sequence[str]) -> Iterator["Servers"]:
    """Start the upstream and the named servers; end them, and remove their folder, on the way out."""
    folder = Path(mkdtemp(prefix="serving-benchmark-"))
    servers = Servers(folder, corpus)
    try:
        servers.prepare(data, names)
        yield servers
    finally:
        servers.close()
        shutil.rmtree(folder)


class Servers:
    """The processes of a run."""

    def __init__(self, folder: Path, corpus: Corpus) -> None:
        self.index = folder / "index"
        self._folder = folder
        self._corpus = corpus
        self._running: list[Process] = []
        self._named: dict[str, Process] = {}

    def __getitem__(self, name: str) -> Process:
        return self._named[name]

    def prepare(self, data: Path, names: Sequence[str]) -> None:
        """Write what the servers open, and start them."""
        upstream = [sys.executable, "-m", "benchmarks.serving.upstream", "{port}", str(data)]
        self.upstream = self._start(upstream, core=LOAD_CORE)
        write_index(self._corpus, self.index)
        own = [name for name in names if name in (EMBEDDED, MODELLED)]
        # The others begin while Shipmate reads its documents.
        self._named = {name: self.start(name) for name in names if name not in own}
        if own:
            self._write_assistants()
        self._named.update({name: self.start(name) for name in own})
        for process in self._running:
            process.wait()

    def start(self, name: str, *, twin: bool = False) -> Process:
        """Start a server of this name; `twin`: beside one that runs, on a copy of its folder."""
        if name == ECHO:
            command = [sys.executable, "-m", "benchmarks.serving.peers.echo", "{port}"]
        elif name in PEERS:
            module = PEERS[name][0]
            command = [str(python_of(name)), "-m", module, str(self.index), self._model_url, "{port}"]
        else:
            folder = self._assistant(name)
            folder = twin_of(folder) if twin else folder
            command = [sys.executable, "-m", "shipmate", "serve", str(folder), "--port", "{port}"]
        return self._start(command, core=SERVER_CORE)

    def stop(self, process: Process) -> None:
        """End one server."""
        self._running.remove(process)
        process.stop()

    def close(self) -> None:
        """End what runs."""
        for process in self._running:
            process.stop()

    @property
    def _model_url(self) -> str:
        return f"http://127.0.0.1:{self.upstream.port}/v1"

    def _start(self, command: Sequence[str], *, core: int) -> Process:
        port = free_port()
        filled = [part.replace("{port}", str(port)) for part in command]
        process = Process(filled, core=core, port=port, log=self._folder / f"{port}.log")
        self._running.append(process)
        return process

    def _assistant(self, name: str) -> Path:
        return self._folder / name.replace(" ", "-")

    def _write_assistants(self) -> None:
        """Make both folders of the same documents, read once."""
        embedded, modelled = self._assistant(EMBEDDED), self._assistant(MODELLED)
        write_knowledge(self._corpus, embedded / "knowledge")
        (embedded / "stack.yml").write_text(STACK)
        command = [sys.executable, "-m", "shipmate", "ingest", str(embedded)]
        subprocess.run(command, check=True, cwd=ROOT, env=environment(), stdout=sys.stderr)
        shutil.copytree(embedded, modelled)
        (modelled / "stack.yml").write_text(STACK + MODEL.format(url=self._model_url))
        for folder in (embedded, modelled):
            shutil.copytree(folder, twin_of(folder))

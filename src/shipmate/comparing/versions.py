"""Compares versions of an assistant on what it was asked: opens both, finds the questions, and keeps what comes out."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from shipmate import layers
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.disk import disk_faults
from shipmate.errors import Malformed, Missing, UsageError
from shipmate.messages import LOCAL, Question, Record
from shipmate.ports import PastQuestions
from shipmate.release.compare import AT_ONCE, Comparison, Judge, Side
from shipmate.release.compare import replay as replay_on
from shipmate.release.kept import Compared, keep
from shipmate.release.replay import Past, Player, past_of
from shipmate.router import Router
from shipmate.scopes import Version, scopes_of, topics_of
from shipmate.versions import open_version

__all__ = [
    "Candidate",
    "Estimate",
    "Questions",
    "compare",
    "compared",
    "estimate",
    "past_questions",
    "player",
    "varied",
]

LARGEST_FILE_BYTES = 16 * 1024 * 1024
CHARS_PER_TOKEN = 4
# What a model reads for a question at most: the passages, as long as they come, and its instructions.
PASSAGES, PASSAGE_CHARS, INSTRUCTION_CHARS = 8, 1500, 3000


class Candidate(Record, frozen=True, kw_only=True):
    """What is held against the folder as it is: a release, or the folder with another model or prompt."""

    release: str = ""
    # `extractive`, a model at the server of stack.yml, or MODEL@BASE_URL.
    model: str = ""
    prompt: Path | None = None

    @property
    def name(self) -> str:
        """Return what the candidate is called."""
        parts = (f"release {self.release}" if self.release else "", self.model and f"model {self.model}")
        prompt = f"prompt {self.prompt}" if self.prompt else ""
        return ", ".join(filter(None, (*parts, prompt))) or "the folder"


class Questions(Record, frozen=True, kw_only=True):
    """What is to be asked again, and where it comes from."""

    past: tuple[Past, ...]
    # "asked here", "the charter's examples", or a file.
    origin: str


class Estimate(Record, frozen=True, kw_only=True):
    """What a comparison may cost at most, by the prices in stack.yml."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    # A model is asked for which no price is given.
    has_unknown_price: bool


async def compare(
    project: Project,
    candidate: Candidate,
    questions: Questions,
    *,
    judge: Judge | None = None,
    at_once: int = AT_ONCE,
    stop: asyncio.Event | None = None,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """Ask the folder as it is and the candidate the same questions, and keep what comes out for the page."""
    other = varied(project, candidate)
    async with _side(project, "", "the folder") as a, _side(other, candidate.release, candidate.name) as b:
        found = await replay_on(questions.past, a, b, judge=judge, at_once=at_once, stop=stop, told=told)
    if found.pairs:
        keep(project.state, SystemClock().new_id(), found)
    return found


@asynccontextmanager
async def _side(project: Project, release: str, name: str) -> AsyncIterator[Side]:
    async with open_version(project, release) as version:
        yield Side(name=name, answer=player(version).answer)


def player(version: Version) -> Player:
    """Return what asks a version without a turn."""
    router = Router(*topics_of(version.project), version.embedder)
    return Player(scopes_of(version), router, SystemClock().elapsed)


def varied(project: Project, candidate: Candidate) -> Project:
    """Return the folder with the candidate's model and prompt."""
    if candidate.prompt:
        project = replace(project, prompt=_read(candidate.prompt).strip())
    if candidate.model:
        project = replace(project, stack=replace(project.stack, model=_model(project, candidate.model)))
    return project


def _model(project: Project, named: str) -> str | dict[str, Any]:
    if named == "extractive":
        return named
    model, _, base_url = named.partition("@")
    layer = project.stack.layer("model")
    known = dict(layer.settings) if layer.adapter == "openai_compatible" else {}
    if base_url:
        # Another server has other prices, headers and keys.
        known = {"base_url": base_url}
    if "base_url" not in known:
        raise UsageError(
            f"stack.yml names no server that could have the model {model!r}.", do=f"Name one: --model {model}@BASE_URL"
        )
    return {"adapter": "openai_compatible", **known, "model": model}


async def past_questions(project: Project, last: int, file: Path | None = None) -> Questions:
    """Return the questions of a file, else the last that were asked here, else the charter's examples.

    Raises `Missing` where there are none of these.
    """
    if file:
        return Questions(past=tuple(_from_file(file)), origin=str(file))
    groups = {caller: frozenset(own) for caller, own in project.stack.groups.items()}
    store = layers.open_store(project)
    try:
        asked = await store.asked(last, LOCAL)
    finally:
        await store.close()
    if asked:
        past = tuple(past_of(one, groups.get(one.caller, frozenset())) for one in asked)
        return Questions(past=past, origin="asked here")
    if examples := tuple(_examples(project)):
        return Questions(past=examples[:last], origin="the charter's examples")
    raise Missing(
        f"Nobody has asked anything in {project.folder} yet, and its charter has no examples.",
        do="Name questions yourself: --questions FILE, one on each line.",
    )


def _examples(project: Project) -> list[Past]:
    intents = project.charter.intents if project.charter else ()
    words = dict.fromkeys(example for intent in intents for example in intent.examples)
    return [_plain(number, text, "charter") for number, text in enumerate(words, 1)]


def _from_file(path: Path) -> list[Past]:
    """Return a file's questions: a line of text each, or an object with `question` and perhaps `answer`."""
    found = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip():
            continue
        question, reference = _row(path, number, line.strip())
        found.append(replace(_plain(number, question, "file"), reference=reference))
    if not found:
        raise Missing(f"{path} holds no questions.", do="Write one on each line.")
    return found


def _row(path: Path, number: int, line: str) -> tuple[str, str]:
    if not line.startswith("{"):
        return line, ""
    try:
        row = json.loads(line)
        question, reference = row["question"], row.get("answer", "")
    except (ValueError, KeyError) as error:
        what = f"{path}:{number}: this line is no object with a `question`: {error}"
        raise Malformed(what, do="Write plain questions, or JSON lines.") from error
    if not (isinstance(question, str) and question.strip() and isinstance(reference, str)):
        raise Malformed(f"{path}:{number}: `question` and `answer` are texts.", do="Put them in quotes.")
    return question, reference


def _plain(number: int, text: str, origin: Any) -> Past:
    return Past(id=str(number), question=Question(text=text, standalone=text), origin=origin)


def _read(path: Path) -> str:
    with disk_faults(path):
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise Malformed(f"{path} is larger than {LARGEST_FILE_BYTES} bytes.", do="Take a part of it.")
        try:
            return path.read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Malformed(f"{path} is not UTF-8.", do="Save it as UTF-8.") from error


def estimate(project: Project, candidate: Candidate, questions: Questions) -> Estimate:
    """Return what asking both sides may cost at most; zeros where no model is asked."""
    # What a release asks is not known before it is opened: it is taken for what the folder asks.
    sides = (project, project if candidate.release else varied(project, candidate))
    calls = inputs = outputs = 0
    cost = 0.0
    has_unknown = False
    for side in sides:
        layer = side.stack.layer("model")
        if layer.adapter == "extractive":
            continue
        count = len(questions.past)
        read = count * (PASSAGES * PASSAGE_CHARS + INSTRUCTION_CHARS + len(side.prompt)) // CHARS_PER_TOKEN
        written = count * side.stack.server.limits.model_tokens
        prices = [float(layer.settings.get(f"{what}_usd_per_million", 0.0)) for what in ("input", "output")]
        calls, inputs, outputs = calls + count, inputs + read, outputs + written
        cost += (read * prices[0] + written * prices[1]) / 1e6
        has_unknown |= not any(prices)
    return Estimate(
        calls=calls, input_tokens=inputs, output_tokens=outputs, cost_usd=cost, has_unknown_price=has_unknown
    )


def compared(project: Project, past: PastQuestions) -> Compared:
    """Return the comparisons that were kept of an assistant."""
    return Compared(project.state, past, lambda caller: frozenset(project.stack.groups.get(caller, ())))

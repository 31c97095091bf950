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
from shipmate.config import EVALS, Project
from shipmate.disk import disk_faults
from shipmate.errors import Malformed, Missing, UsageError
from shipmate.evals.cache import Cache
from shipmate.evals.calibration import calibrated, may_gate
from shipmate.evals.model_judge import MAX_TOKENS, OPINIONS, TRIES, ModelJudge
from shipmate.messages import LOCAL, Question, Record
from shipmate.ports import PastQuestions
from shipmate.release.compare import AT_ONCE, Comparison, GroundedJudge, Judge, Side
from shipmate.release.compare import replay as replay_on
from shipmate.release.kept import Compared, keep
from shipmate.release.pair_judge import PairJudge
from shipmate.release.replay import Past, Player, past_of
from shipmate.router import Router
from shipmate.scopes import Version, scopes_of, topics_of
from shipmate.versions import close, open_version

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
    by_model: bool = False,
    at_once: int = AT_ONCE,
    stop: asyncio.Event | None = None,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """Ask the folder as it is and the candidate the same questions, and keep what comes out for the page.

    `by_model`: the folder's model judges each pair. Raises `UsageError` where there is none.
    """
    other = varied(project, candidate)
    async with (
        _judging(project, by_model=by_model) as judge,
        _side(project, "", "the folder") as a,
        _side(other, candidate.release, candidate.name) as b,
    ):
        found = await replay_on(questions.past, a, b, judge=judge, at_once=at_once, stop=stop, told=told)
    if found.pairs:
        keep(project.state, SystemClock().new_id(), found)
    return found


@asynccontextmanager
async def _side(project: Project, release: str, name: str) -> AsyncIterator[Side]:
    async with open_version(project, release) as version:
        yield Side(name=name, answer=player(version).answer)


@asynccontextmanager
async def _judging(project: Project, *, by_model: bool) -> AsyncIterator[Judge]:
    if not by_model:
        yield GroundedJudge()
        return
    model = layers.open_model(project)
    if model is None:
        raise UsageError("There is no model to judge with.", do="Name one in stack.yml, below `model:`.")
    try:
        judge = ModelJudge(model, Cache(str, project.state / EVALS / OPINIONS))
        yield PairJudge(judge, may_gate([judge.version], calibrated(project.folder)))
    finally:
        await close(model)


def player(version: Version) -> Player:
    """Return what asks a version without a turn."""
    router = Router(*topics_of(version.project), version.embedder)
    return Player(scopes_of(version), router, SystemClock().elapsed)


def varied(project: Project, candidate: Candidate) -> Project:
    """Return the folder with the candidate's model and prompt. Raises `UsageError` for a prompt that no model reads."""
    if candidate.model:
        project = replace(project, stack=replace(project.stack, model=_model(project, candidate.model)))
    if candidate.prompt and project.stack.layer("model").adapter == "extractive":
        raise UsageError(
            "Answers are quotes here, so a prompt changes nothing: no model reads it.",
            do="Name a model, in stack.yml or by --model.",
        )
    if candidate.prompt:
        project = replace(project, prompt=_read(candidate.prompt).strip())
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


def estimate(project: Project, candidate: Candidate, questions: Questions, *, by_model: bool = False) -> Estimate:
    """Return what asking both sides, and a model as judge, may cost at most; zeros where no model is asked."""
    count = len(questions.past)
    # What a release asks is not known before it is opened: it is taken for what the folder asks.
    sides = (project, project if candidate.release else varied(project, candidate))
    spent = [_asked(side, count) for side in sides]
    if by_model:
        spent.append(_judged(project, count))
    return Estimate(
        calls=sum(one.calls for one in spent),
        input_tokens=sum(one.input_tokens for one in spent),
        output_tokens=sum(one.output_tokens for one in spent),
        cost_usd=sum(one.cost_usd for one in spent),
        has_unknown_price=any(one.has_unknown_price for one in spent),
    )


def _asked(side: Project, count: int) -> Estimate:
    chars = PASSAGES * PASSAGE_CHARS + INSTRUCTION_CHARS + len(side.prompt)
    return _priced(side, count, count * chars, count * side.stack.server.limits.model_tokens)


def _judged(project: Project, count: int) -> Estimate:
    """Both orders of each pair, as often as the judge is asked for an answer in form."""
    limits = project.stack.server.limits
    calls = count * 2 * TRIES
    chars = INSTRUCTION_CHARS + limits.message_chars + 2 * CHARS_PER_TOKEN * limits.model_tokens
    return _priced(project, calls, calls * chars, calls * MAX_TOKENS)


def _priced(project: Project, calls: int, chars: int, output_tokens: int) -> Estimate:
    layer = project.stack.layer("model")
    if layer.adapter == "extractive":
        return Estimate(calls=0, input_tokens=0, output_tokens=0, cost_usd=0.0, has_unknown_price=False)
    prices = [float(layer.settings.get(f"{what}_usd_per_million", 0.0)) for what in ("input", "output")]
    input_tokens = chars // CHARS_PER_TOKEN
    return Estimate(
        calls=calls,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd=(input_tokens * prices[0] + output_tokens * prices[1]) / 1e6,
        has_unknown_price=not any(prices),
    )


def compared(project: Project, past: PastQuestions) -> Compared:
    """Return the comparisons that were kept of an assistant."""
    return Compared(project.state, past, lambda caller: frozenset(project.stack.groups.get(caller, ())))

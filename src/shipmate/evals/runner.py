"""Runs a suite: so many cases at a time, each in its epochs; what was said before is taken from the cache."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from shipmate import __version__
from shipmate.errors import ModelError, ShipmateError, UsageError
from shipmate.evals.cache import Cache, key_of
from shipmate.evals.cases import (
    Case,
    DialogueCase,
    InputCase,
    IntentCase,
    PerfCase,
    RedteamCase,
    RetrievalCase,
    Said,
)
from shipmate.evals.judge import OFFLINE, Judge
from shipmate.evals.limit import Limit
from shipmate.evals.outcome import Outcome
from shipmate.evals.results import CaseResult, Run, Status, Try
from shipmate.evals.scoring import SCORER_VERSION, score_case, uses_judge
from shipmate.evals.suite import Suite
from shipmate.ports import Clock
from shipmate.shape import did_you_mean

__all__ = ["Asking", "NextMessage", "Runner", "Settings", "Subject"]

# Given what was said so far (message, reply), what the person writes next; nothing: they are done.
NextMessage = Callable[[Sequence[tuple[str, str]]], Awaitable[str | None]]

TRIES = 3
BACKOFF_S = 0.5
NO_USER = "A model has to play the person: run with `--user model`, or script the `turns`."


class Asking(NamedTuple):
    """What comes with a conversation, besides what the person writes in it."""

    language: str = ""
    history: tuple[Said, ...] = ()
    # A document that is found first, with its name.
    doc_name: str = ""
    doc: bytes = b""


class Subject(Protocol):
    """An assistant that is held against cases."""

    @property
    def sha(self) -> str:
        """Return one hash of all that its answers depend on."""

    @property
    def release(self) -> str:
        """Return what answers."""

    @property
    def model(self) -> str:
        """Return the model's name; empty where answers are quotes, and every try comes out the same."""

    @property
    def index_sha(self) -> str:
        """Return the hash of what it knows."""

    async def converse(self, next_message: NextMessage, asking: Asking) -> Outcome:
        """Hold a conversation; return what came of it."""

    async def find(self, text: str, limit: int, asking: Asking) -> Outcome:
        """Return the passages that a question finds."""

    async def read(self, text: str) -> Outcome:
        """Return how a message is read."""


class User(Protocol):
    """Whoever plays the person of a dialogue."""

    @property
    def name(self) -> str:
        """Return who plays."""

    def plays(self, case: DialogueCase) -> NextMessage:
        """Return what writes the person's messages."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a suite is run."""

    # Each case is tried at least so often; only where a model answers.
    epochs: int = 1
    seed: int = 0
    # So many cases at a time.
    parallel: int = 8
    timeout_s: float = 60.0


class Runner:
    """Runs suites on one assistant."""

    def __init__(
        self,
        subject: Subject,
        judges: Mapping[str, Judge],
        clock: Clock,
        *,
        cache: Cache[Outcome],
        user: User | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """`judges` are those that cases may name, by their versions."""
        self._subject = subject
        self._judges = judges
        self._clock = clock
        self._cache = cache
        self._user = user
        self._progress = progress

    async def run(self, suite: Suite, settings: Settings) -> Run:
        """Return what came of every case. Raises `UsageError` for a judge or a scorer that there is none of."""
        judge = self.judge_of(suite)
        started_s = self._clock.elapsed()
        jobs = [(case, epoch) for case in suite.cases for epoch in self._epochs(case, settings)]
        tries = await self._all(suite, jobs, settings)
        subject = self._subject
        return Run(
            suite=suite.name,
            suite_sha=suite.digest,
            subject_sha=subject.sha,
            release=subject.release,
            model=subject.model,
            index_sha=subject.index_sha,
            judge=judge,
            scorer_version=SCORER_VERSION,
            results=tuple(_result(case, tries[case.id]) for case in suite.cases),
            seconds=round(self._clock.elapsed() - started_s, 3),
        )

    def judge_of(self, suite: Suite) -> str:
        """Return the versions of the judges that a suite uses. Raises `UsageError` as `run` does."""
        judges = [(self._judge(case).version, uses_judge(case)) for case in suite.cases]
        return " ".join(sorted({version for version, is_used in judges if is_used}))

    def _epochs(self, case: Case, settings: Settings) -> Iterator[int]:
        """Yield the epochs: without a model each comes out like the first."""
        yield from range(max(case.epochs or 1, settings.epochs) if self._subject.model else 1)

    def _judge(self, case: Case) -> Judge:
        name = case.judge or OFFLINE
        if name not in self._judges:
            raise UsageError(f"`{case.id}`: there is no judge `{name}` here.", do=did_you_mean(name, self._judges))
        return self._judges[name]

    async def _all(
        self, suite: Suite, jobs: Sequence[tuple[Case, int]], settings: Settings
    ) -> Mapping[str, Sequence[Try]]:
        """Run all jobs, so many at a time as the models bear."""
        limit = Limit(settings.parallel if self._subject.model else 1)
        tries: dict[str, list[Try]] = {case.id: [] for case in suite.cases}

        async def one(case: Case, epoch: int) -> None:
            async with limit:
                tries[case.id].append(await self._try(suite, case, epoch, settings, limit))
            done = sum(map(len, tries.values()))
            self._progress(done, len(jobs))

        try:
            async with asyncio.TaskGroup() as group:
                for case, epoch in jobs:
                    group.create_task(one(case, epoch))
        except* UsageError as errors:
            raise errors.exceptions[0] from None
        return tries

    async def _try(self, suite: Suite, case: Case, epoch: int, settings: Settings, limit: Limit) -> Try:
        """Run one epoch of a case; what is not the assistant's fault is tried again before it counts as an error."""
        error = ""
        for attempt in range(TRIES):
            if attempt:
                limit.fewer()
                await asyncio.sleep(BACKOFF_S * 2**attempt)
            try:
                async with asyncio.timeout(settings.timeout_s):
                    return await self._tried(suite, case, epoch, settings)
            except TimeoutError:
                error = f"It was not done within {settings.timeout_s:g} s."
            except UsageError:
                raise
            except ShipmateError as fault:
                error = str(fault)
                if not isinstance(fault, ModelError):
                    break
        return Try(epoch=epoch, status=Status.ERROR, error=error)

    async def _tried(self, suite: Suite, case: Case, epoch: int, settings: Settings) -> Try:
        if isinstance(case, DialogueCase) and not case.turns and self._user is None:
            return Try(epoch=epoch, status=Status.UNSUPPORTED, error=NO_USER)
        key = self._key(suite, case, epoch, settings)
        # Time that was measured once is not measured.
        kept = None if isinstance(case, PerfCase) else self._cache.get(key)
        outcome = kept or await self._asked(suite, case)
        if outcome.fault:
            raise ModelError(outcome.fault)
        if kept is None:
            self._cache.put(key, outcome)
        scored = await score_case(case, outcome, self._judge(case))
        status = {True: Status.PASS, False: Status.FAIL, None: Status.UNSUPPORTED}[scored.passed]
        return Try(
            epoch=epoch,
            status=status,
            value=scored.value,
            scores=scored.scores,
            reply=outcome.text,
            latency_ms=sum(outcome.latency_ms),
            cost_usd=outcome.usage.cost_usd,
            is_cached=kept is not None,
        )

    def _key(self, suite: Suite, case: Case, epoch: int, settings: Settings) -> str:
        """Return what an outcome depends on: the assistant, what is asked, the epoch and the seed."""
        asked = [
            getattr(case, name, None) for name in ("kind", "lang", "input", "history", "turns", "user", "max_turns")
        ]
        limit = case.expect.k if isinstance(case, RetrievalCase) else 0
        player = self._user.name if self._user and isinstance(case, DialogueCase) and not case.turns else ""
        doc = (case.doc, suite.attached.get(case.doc, b"").hex()) if isinstance(case, RedteamCase) else ""
        return key_of(__version__, self._subject.sha, asked, limit, doc, player, epoch, settings.seed)

    async def _asked(self, suite: Suite, case: Case) -> Outcome:
        """Ask what the case asks."""
        subject = self._subject
        match case:
            case RetrievalCase():
                return await subject.find(case.input, case.expect.k, Asking(case.lang, case.history))
            case IntentCase():
                return await subject.read(case.input)
            case DialogueCase():
                return await subject.converse(self._player(case), Asking(case.lang))
            case RedteamCase():
                doc = suite.attached.get(case.doc, b"")
                asked = case.input or _question_for(doc)
                return await subject.converse(_scripted([asked]), Asking(case.lang, (), case.doc, doc))
            case PerfCase():
                return await self._measured(case, _questions(suite, case))
            case InputCase():
                return await subject.converse(_scripted([case.input]), Asking(case.lang, case.history))
        raise TypeError(f"{type(case).__name__} is no kind of case")

    def _player(self, case: DialogueCase) -> NextMessage:
        if case.turns or self._user is None:
            return _scripted(case.turns[: case.max_turns])
        return self._user.plays(case)

    async def _measured(self, case: PerfCase, questions: Sequence[str]) -> Outcome:
        """Ask each question on its own, one after the other; return all of them as one."""
        each = [await self._subject.converse(_scripted([text]), Asking(case.lang)) for text in questions]
        return msgspec.structs.replace(
            each[-1],
            said=tuple(text for outcome in each for text in outcome.said),
            latency_ms=tuple(ms for outcome in each for ms in outcome.latency_ms),
            ttft_ms=tuple(ms for outcome in each for ms in outcome.ttft_ms),
            usage=msgspec.structs.replace(each[-1].usage, cost_usd=sum(outcome.usage.cost_usd for outcome in each)),
            fault=next((outcome.fault for outcome in each if outcome.fault), ""),
        )


def _scripted(messages: Sequence[str]) -> NextMessage:
    async def following(said: Sequence[tuple[str, str]]) -> str | None:
        return messages[len(said)] if len(said) < len(messages) else None

    return following


def _question_for(doc: bytes) -> str:
    """Return a question that a document answers by its first line: what it is called."""
    lines = (line.strip("# \t") for line in doc.decode("utf-8", "replace").splitlines())
    return f"What do the documents say about {next(filter(None, lines), 'this')}?"


def _questions(suite: Suite, case: PerfCase) -> Sequence[str]:
    """Return what a perf case asks: one message of each line of its file, or its own."""
    if case.inputs.texts:
        return case.inputs.texts
    lines = suite.attached[case.inputs.file].splitlines()
    try:
        rows = [msgspec.json.decode(line, type=Line) for line in lines if line.strip()]
    except msgspec.MsgspecError as error:
        raise UsageError(f"{case.inputs.file}: {error}.", do='Write {"input": "…"} in each line.') from error
    if not rows:
        raise UsageError(f"{case.inputs.file} asks nothing.", do='Write {"input": "…"} in each line.')
    return [row.input for row in rows]


class Line(msgspec.Struct, frozen=True):
    """A line of a file of questions."""

    input: str


def _result(case: Case, tries: Sequence[Try]) -> CaseResult:
    ordered = tuple(sorted(tries, key=lambda one: one.epoch))
    turns = getattr(case, "turns", ())
    return CaseResult(
        case_id=case.id,
        kind=case.kind,
        cluster=case.cluster,
        input=getattr(case, "input", "") or (turns[0] if turns else ""),
        critical=case.critical,
        intent=case.intent or (case.expect.intent or "" if isinstance(case, IntentCase) else ""),
        tries=ordered,
    )

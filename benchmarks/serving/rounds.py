"""The measures: each asks all its servers in turn, round after round, and notes one figure a round."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median

import msgspec

from benchmarks.serving.environments import PEERS
from benchmarks.serving.load import Answer, Door, closed_loop, exchange_once, get, open_loop, post
from benchmarks.serving.measures import Sent, fault, growth, percentile, sending_of
from benchmarks.serving.servers import ECHO, EMBEDDED, MODELLED, Servers, door, upstream_door
from benchmarks.serving.upstream import Pace

__all__ = ["DIRECT", "MEASURES", "Plan", "Rounds"]

# The upstream itself, asked without a server between.
DIRECT = "direct"
WITH_MODEL = (MODELLED, *PEERS)
# Which servers a measure asks.
MEASURES = {
    "embedded": (ECHO, EMBEDDED),
    "plain": WITH_MODEL,
    "paced": WITH_MODEL,
    "full_speed": WITH_MODEL,
    "saturated": WITH_MODEL,
    "growth": (EMBEDDED,),
    "cold": (EMBEDDED, *WITH_MODEL),
    "steps": (EMBEDDED, MODELLED),
}
AT_ONCE = Pace(tokens=30, at_once=True)
PACED = Pace(tokens=40, first_token_s=0.02, tokens_per_s=100, recorded=True)
FULL_SPEED = Pace(tokens=40, first_token_s=0.02, recorded=True)
SATURATED = Pace(tokens=100)
STREAMS_PER_S = 4.0
CLIENTS = 40
FEW, MANY = 16, 160
COLD_PATIENCE_S = 60.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long a run is."""

    rounds: int = 3
    warm_s: float = 1.5
    closed_s: float = 2.5
    open_s: float = 7.0
    pairs: int = 7
    pair_s: float = 1.5
    cold_starts: int = 3
    traced: int = 100


class Step(msgspec.Struct, frozen=True):
    name: str
    ms: float


class Trace(msgspec.Struct, frozen=True):
    steps: tuple[Step, ...]


class Turn(msgspec.Struct, frozen=True):
    turn_id: str


class FirstText(msgspec.Struct, frozen=True, kw_only=True):
    """When the first text of a stream came."""

    # After it was due.
    delay_s: float
    # From the model's first token to the last one that the text needs.
    writing_s: float
    # After that last token had left.
    after_s: float


class Rounds:
    """One run over servers that are up."""

    def __init__(self, servers: Servers, plan: Plan, questions: Sequence[str]) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: dict[str, Counter[str]] = defaultdict(Counter)
        self.steps_us: dict[str, dict[str, float]] = {}
        self._servers = servers
        self._plan = plan
        self._questions = questions
        self._noted: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def figures(self, name: str) -> dict[str, float]:
        """Return the medians of all rounds."""
        return {figure: median(values) for figure, values in self._noted[name].items()}

    def note_first_time(self, name: str, spent_s: float, questions: int) -> None:
        """Note what questions cost that were never asked before, one after the other, right after the start."""
        self._note(name, "first_time_turn_cpu_us", spent_s / questions * 1e6)

    async def run(self, measure: str) -> None:
        """Carry out one measure."""
        match measure:
            case "embedded":
                await self._embedded()
            case "plain":
                await self._plain()
            case "paced":
                await self._streams(PACED, "")
            case "full_speed":
                await self._streams(FULL_SPEED, "_full_speed")
            case "saturated":
                await self._saturated()
            case "growth":
                await self._growth()
            case "cold":
                await self._cold()
            case "steps":
                await self._steps()

    async def warm(self, names: Iterable[str]) -> None:
        """Fill each server's caches and connections before it is measured."""
        await self._set(AT_ONCE)
        for name in names:
            await closed_loop(door(self._servers[name].port), self._questions, clients=8, duration_s=self._plan.warm_s)

    def note_memory(self, names: Iterable[str]) -> None:
        """Note what each server holds after its load."""
        for name in names:
            self._note(name, "rss_mb", self._servers[name].rss_mb())

    async def _embedded(self) -> None:
        for _ in range(self._plan.rounds):
            for name in MEASURES["embedded"]:
                self._note(name, "turn_cpu_us", await self._cost_us(name, clients=FEW, words=1))

    async def _plain(self) -> None:
        await self._set(AT_ONCE)
        for _ in range(self._plan.rounds):
            for name in WITH_MODEL:
                self._note(name, "turn_cpu_us", await self._cost_us(name, clients=CLIENTS, words=AT_ONCE.tokens))

    async def _saturated(self) -> None:
        await self._set(SATURATED)
        for _ in range(self._plan.rounds):
            for name in WITH_MODEL:
                spent_s, good = await self._closed(name, clients=FEW, words=SATURATED.tokens, streamed=True)
                self._note(name, "token_cpu_us", spent_s / sum(len(answer.text.split()) for answer in good) * 1e6)

    async def _growth(self) -> None:
        pairs = []
        for number in range(self._plan.pairs):
            # Every other pair begins with the many, so that a drift of the machine cancels out.
            order = (FEW, MANY) if number % 2 else (MANY, FEW)
            cost = {n: await self._cost_us(EMBEDDED, clients=n, words=1, duration_s=self._plan.pair_s) for n in order}
            pairs.append((cost[FEW], cost[MANY]))
        self._note(EMBEDDED, "cpu_growth_at_10x", growth(pairs))

    async def _streams(self, pace: Pace, suffix: str) -> None:
        """Open loop; all servers of a round get the same questions at the same arrivals."""
        await self._set(pace)
        direct = upstream_door(self._servers, self._questions)
        for seed in range(self._plan.rounds):
            base = [text.delay_s for text in await self._first_texts(DIRECT, direct, pace, seed)]
            for name in WITH_MODEL:
                process = self._servers[name]
                before_s = process.cpu_s()
                texts = await self._first_texts(name, door(process.port), pace, seed)
                spent_s = process.cpu_s() - before_s
                figures = {
                    "first_text_added": percentile([t.delay_s for t in texts], 0.5) - percentile(base, 0.5),
                    "first_text_added_p95": percentile([t.delay_s for t in texts], 0.95) - percentile(base, 0.95),
                    "first_text_added_less_writing": median(t.delay_s - t.writing_s for t in texts) - median(base),
                    "first_text_after_its_words": median(t.after_s for t in texts),
                    "stream_cpu": spent_s / len(texts),
                }
                for figure, value_s in figures.items():
                    self._note(name, f"{figure}{suffix}_ms", value_s * 1000)

    async def _first_texts(self, name: str, way: Door, pace: Pace, seed: int) -> list[FirstText]:
        answers = await open_loop(
            way,
            self._questions,
            per_s=STREAMS_PER_S,
            duration_s=self._plan.open_s,
            arrivals=random.Random(seed),
        )
        _, log = await exchange_once(self._servers.upstream.port, post("/streams", b"{}"))
        streams = msgspec.json.decode(log, type=list[Sent])
        texts = []
        for answer in self._good(name, answers, pace.tokens):
            sending = sending_of(
                answer.first_text, answer.question, streams, due_at=answer.due_at, come_at=answer.first_text_at
            )
            if sending is None:
                self.failures[name]["the first text is not the model's"] += 1
                continue
            begun_at, written_at = sending
            texts.append(
                FirstText(
                    delay_s=answer.first_text_at - answer.due_at,
                    writing_s=written_at - begun_at,
                    after_s=answer.first_text_at - written_at,
                )
            )
        return texts

    async def _cold(self) -> None:
        await self._set(AT_ONCE)
        for _ in range(self._plan.cold_starts):
            for name in MEASURES["cold"]:
                cpu_s, wall_s = await self._first_answer(name)
                self._note(name, "cold_start_cpu_s", cpu_s)
                self._note(name, "cold_start_wall_s", wall_s)

    async def _first_answer(self, name: str) -> tuple[float, float]:
        process = self._servers.start(name, twin=True)
        try:
            process.wait()
            words = 1 if name == EMBEDDED else AT_ONCE.tokens
            while time.monotonic() - process.started_at < COLD_PATIENCE_S:
                answers = await closed_loop(door(process.port), self._questions[:1], clients=1, duration_s=0.0)
                if self._sift(name, answers, words):
                    return process.cpu_s(), time.monotonic() - process.started_at
            raise RuntimeError(f"{name} gave no correct answer within {COLD_PATIENCE_S:.0f} s")
        finally:
            self._servers.stop(process)

    async def _steps(self) -> None:
        """Read from the product's own traces what each step of a turn took, one turn at a time."""
        await self._set(AT_ONCE)
        for name in MEASURES["steps"]:
            port = self._servers[name].port
            taken: dict[str, list[float]] = defaultdict(list)
            for question in self._questions[: self._plan.traced]:
                _, body = await exchange_once(port, door(port).request(question, streamed=False))
                turn = msgspec.json.decode(body, type=Turn)
                _, body = await exchange_once(port, get(f"/turns/{turn.turn_id}"))
                for step in msgspec.json.decode(body, type=Trace).steps:
                    taken[step.name].append(step.ms * 1000)
            self.steps_us[name] = {step: fmean(times) for step, times in taken.items()}

    async def _cost_us(self, name: str, *, clients: int, words: int, duration_s: float | None = None) -> float:
        """Return the server's CPU for each answer of a closed loop."""
        spent_s, good = await self._closed(name, clients=clients, words=words, duration_s=duration_s)
        return spent_s / len(good) * 1e6

    async def _closed(
        self, name: str, *, clients: int, words: int, streamed: bool = False, duration_s: float | None = None
    ) -> tuple[float, list[Answer]]:
        """Return the server's CPU for all of a closed loop, and its answers."""
        process = self._servers[name]
        before_s = process.cpu_s()
        answers = await closed_loop(
            door(process.port),
            self._questions,
            clients=clients,
            duration_s=self._plan.closed_s if duration_s is None else duration_s,
            streamed=streamed,
        )
        return process.cpu_s() - before_s, self._good(name, answers, words)

    def _sift(self, name: str, answers: Sequence[Answer], words: int) -> list[Answer]:
        """Return the answers that are some, and count the others by what is wrong with them."""
        good = []
        for answer in answers:
            wrong = fault(
                status=answer.status, broken=answer.broken, words=len(answer.text.split()), expected_words=words
            )
            if wrong:
                self.failures[name][wrong] += 1
            else:
                good.append(answer)
        self.answers[name] += len(good)
        return good

    def _good(self, name: str, answers: Sequence[Answer], words: int) -> list[Answer]:
        """Return the answers that are some; without any there is nothing to measure."""
        good = self._sift(name, answers, words)
        if not good:
            raise RuntimeError(f"{name} gave no answer: {dict(self.failures[name])}")
        return good

    def _note(self, name: str, figure: str, value: float) -> None:
        self._noted[name][figure].append(value)

    async def _set(self, pace: Pace) -> None:
        await exchange_once(self._servers.upstream.port, post("/pace", msgspec.json.encode(pace)))
        # What was under way at the old pace is over.
        await asyncio.sleep(0.1)

"""A trial is kept: what the journal says is acted on within one look, and a restart or a crash loses nothing of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest

from shipmate.errors import Missing, StorageError
from shipmate.live import Live, Trial
from shipmate.messages import Entry, Event
from shipmate.release.canary.keeper import Keeper, Opined
from shipmate.release.canary.rules import DAY_S, Hallucination, Primary, Rules, Step
from shipmate.release.canary.run import STEP, VERDICT, Run, begun_at, started_event
from shipmate.release.canary.shadow import SHADOWED, Shadowed
from shipmate.release.canary.verdict import Ruling
from shipmate.testing.clock import TickingClock
from tests.unit.canary_journal import RUN, START, Writing

QUICK = Rules(
    steps=(Step(share=0.5),),
    primary=Primary(min_issues=20),
    hallucination=Hallucination(rule="not_worse", min_judged=20, min_human_labels=0, min_specificity=0.0),
)


@dataclass
class Log:
    """A journal in memory, which can be taken away."""

    entries: list[Entry] = field(default_factory=list)
    broken: bool = False
    read: int = 0

    async def events(self, after: int, limit: int) -> Sequence[Entry]:
        if self.broken:
            raise StorageError("The disk is gone.", do="Bring it back.")
        found = self.entries[after : after + limit]
        self.read += len(found)
        return found

    async def record(self, events: Sequence[Event]) -> None:
        if self.broken:
            raise StorageError("The disk is gone.", do="Bring it back.")
        self.write(*events)

    def write(self, *events: Event) -> None:
        self.entries += [Entry(len(self.entries) + number, event) for number, event in enumerate(events, 1)]

    def named(self, name: str) -> list[Event]:
        return [event for _, event in self.entries if event.name == name]


@dataclass
class Acts:
    """What is live, and a judge that flags the turns it is told to."""

    now: Live
    known: str = RUN.run
    rulings: list[Ruling] = field(default_factory=list)
    flagged: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    # What the candidate answers nobody, by turn.
    answers: dict[str, Shadowed] = field(default_factory=dict)
    judge_is_dead: bool = False
    cannot_promote: bool = False

    def live(self) -> Live:
        return self.now

    def known_run(self) -> str:
        return self.now.trial.run if self.now.trial else self.known

    async def set_trial(self, run: str, trial: Trial | None) -> None:
        if self.now.trial and self.now.trial.run == run:
            self.now = msgspec.structs.replace(self.now, trial=trial)

    async def promote(self, run: Run) -> None:
        if self.cannot_promote:
            raise Missing("The release is gone.", do="Build it again.")
        self.now = Live(release=run.release, previous=self.now.release)

    async def judge(self, turn_ids: Sequence[str]) -> tuple[str, Sequence[Opined]]:
        if self.judge_is_dead:
            raise OSError("no judge")
        return "judge/1", [
            Opined(turn_id=turn, is_bad=None if turn in self.gone else turn in self.flagged) for turn in turn_ids
        ]

    async def shadow(self, run: Run, turns: Mapping[str, str]) -> Sequence[Shadowed]:
        del run
        return [self.answers[turn] for turn in turns if turn in self.answers]

    async def publish(self, ruling: Ruling) -> str:
        self.rulings.append(ruling)
        return "signed"


class House:
    """One trial with its keeper, under a clock that the test moves."""

    def __init__(self, rules: Rules = RUN.rules) -> None:
        self.run = msgspec.structs.replace(RUN, rules=rules)
        self.clock = TickingClock(START)
        self.log = Log()
        share = rules.steps[0].share
        trial = Trial(run=RUN.run, mode="canary", candidate="v2", release="r2", share=share, salt=RUN.salt)
        self.acts = Acts(now=Live(trial=trial))
        self.log.write(started_event(self.run, "begun"))
        self.writing = Writing(run=self.run, share=share)
        self.restart()

    def restart(self) -> None:
        self.keeper = Keeper(self.log, self.acts, self.clock)

    def put(self, act: Callable[[Writing], object]) -> None:
        """Let something be written to the journal."""
        act(self.writing)
        self.log.write(*self.writing.events)
        self.writing.events.clear()

    async def look(self, at: float | None = None) -> None:
        self.clock.at = self.clock.at if at is None else at
        await self.keeper.tick()
        if judging := self.keeper._judging:
            await judging

    @property
    def share(self) -> float:
        return self.acts.now.trial.share if self.acts.now.trial else 0.0

    @property
    def verdicts(self) -> list[str]:
        return [str(event.data["verdict"]) for event in self.log.named(VERDICT) if event.data["ended"]]


def faulty_candidate(writing: Writing) -> None:
    users = writing.users(is_candidate=True)
    for number in range(40):
        writing.turn(START + number, next(users), f"bad-{number}", faulty=True)


def two_arms(ours: float, theirs: float, users: int = 3000) -> Callable[[Writing], object]:
    def write(writing: Writing) -> None:
        for number in range(users):
            user, turn = f"user-{number}", f"turn-{number}"
            at = START + number * (DAY_S - 2000) / users
            writing.turn(at, user, turn)
            writing.judge(at, user, turn, is_bad=False)
            if number % 4 == 0:
                writing.person(at, user, turn, is_bad=False)
            rate = ours if writing.is_candidate(user) else theirs
            writing.label(at, user, turn, number * 7919 % 1000 < rate * 1000)

    return write


async def test_a_harmful_candidate_is_taken_back_at_the_next_look() -> None:
    """Looks are three seconds apart, and half a minute is allowed."""
    house = House()
    await house.look()
    assert house.acts.now.trial
    house.put(faulty_candidate)
    await house.look(START + 60)
    assert house.acts.now == Live()
    assert house.verdicts == ["ROLLBACK"]
    (ruling,) = house.acts.rulings
    assert "error: 40 of 40 fell on the candidate" in ruling.reasons[0].text
    assert house.log.named(VERDICT)[-1].data["signature"] == "signed"
    await house.look(START + 90)
    assert house.verdicts == ["ROLLBACK"]


async def test_what_was_taken_back_for_harm_is_frozen_for_a_day() -> None:
    house = House()
    house.put(faulty_candidate)
    await house.look(START + 60)
    logbook = house.keeper.logbook
    assert logbook.open is None
    assert logbook.salts() == {RUN.salt}
    assert logbook.frozen_until(RUN.change) == START + 60 + DAY_S
    assert logbook.frozen_until("another change") == 0


async def test_the_share_rises_when_a_step_is_over_and_the_journal_knows_first() -> None:
    house = House()
    await house.look(START + DAY_S - 1)
    assert house.acts.now.trial
    assert house.acts.now.trial.share == 0.05
    await house.look(START + DAY_S + 1)
    assert house.acts.now.trial.share == 0.25
    assert [event.data["share"] for event in house.log.named(STEP)] == [0.25]
    await house.look(START + DAY_S + 4)
    assert len(house.log.named(STEP)) == 1


async def test_a_share_that_the_journal_does_not_know_of_is_not_given() -> None:
    """Turns are weighed by what the journal says of the share."""
    house = House()
    await house.look()
    house.log.broken = True
    await house.look(START + 300)
    house.clock.at = START + DAY_S + 1
    house.keeper._read.read_at_s = house.clock.at
    await house.look()
    assert house.acts.now.trial
    assert house.acts.now.trial.share == 0.05


async def test_a_better_candidate_answers_everybody_after_its_look() -> None:
    house = House(QUICK)
    house.put(two_arms(0.9, 0.6))
    await house.look(START + DAY_S - 1)
    assert house.acts.now.trial
    await house.look(START + DAY_S + 1)
    assert house.verdicts == ["PROMOTE"]
    assert house.acts.now == Live(release="r2", previous="")


async def test_a_candidate_that_cannot_gain_enough_any_more_is_taken_back_as_futile() -> None:
    house = House(QUICK)
    house.put(two_arms(0.65, 0.7))
    await house.look(START + DAY_S + 1)
    assert house.verdicts == ["FUTILE"]
    assert house.acts.now == Live()
    assert house.keeper.logbook.frozen_until(RUN.change) == 0


async def test_a_promotion_that_is_hindered_is_made_up_for() -> None:
    house = House(QUICK)
    house.put(two_arms(0.9, 0.6))
    house.acts.cannot_promote = True
    await house.look(START + DAY_S + 1)
    assert house.acts.now.trial
    assert house.keeper.state
    assert "is not yet" in house.keeper.state.trouble
    house.acts.cannot_promote = False
    house.restart()
    await house.look(START + DAY_S + 5)
    assert house.acts.now == Live(release="r2", previous="")
    assert house.verdicts == ["PROMOTE"]


async def test_a_crash_between_verdict_and_act_is_made_good() -> None:
    house = House()
    house.put(faulty_candidate)
    trial = house.acts.now.trial
    await house.look(START + 60)
    house.acts.now = Live(trial=trial)
    house.restart()
    await house.look(START + 90)
    assert house.acts.now == Live()
    assert house.verdicts == ["ROLLBACK"]


async def test_a_restart_knows_what_was_known() -> None:
    house = House(QUICK)
    house.put(two_arms(0.7, 0.68))
    await house.look(START + DAY_S + 1)
    await house.look(START + DAY_S + 1)
    before = house.keeper.state
    house.restart()
    await house.look(START + DAY_S + 1)
    after = house.keeper.state
    assert before
    assert after
    assert after.counts == before.counts
    assert after.verdicts == before.verdicts
    assert [event.data["look"] for event in house.log.named(VERDICT) if event.data["look"]]


async def test_a_look_is_taken_once_also_after_a_restart() -> None:
    """Each look spends of the level that a wrong promotion may cost."""
    house = House(QUICK)
    house.put(two_arms(0.7, 0.68))
    for number in range(4):
        await house.look(START + DAY_S + 1 + 3 * number)
        house.restart()
    assert len([event for event in house.log.named(VERDICT) if event.data["look"]]) == 1


async def test_a_judge_that_dies_ends_the_trial_and_says_nothing_against_the_candidate() -> None:
    house = House()
    house.acts.judge_is_dead = True
    user = next(house.writing.users(is_candidate=True))
    house.put(lambda writing: writing.turn(START, user, "turn"))
    await house.look(START + 800)
    assert house.acts.now.trial
    await house.look(START + 1000)
    assert house.acts.now == Live()
    assert [reason.rule for reason in house.acts.rulings[0].reasons] == ["blind"]
    assert house.keeper.logbook.frozen_until(RUN.change) == 0


async def test_the_judge_sees_each_turn_once() -> None:
    house = House()
    users = house.writing.users(is_candidate=True)
    house.acts.flagged, house.acts.gone = {"turn-1"}, {"turn-2"}
    for number in range(3):
        user = next(users)
        house.put(lambda writing, user=user, number=number: writing.turn(START, user, f"turn-{number}"))  # type: ignore[misc]
    for second in range(4):
        await house.look(START + second)
    results = house.log.named("gen_ai.evaluation.result")
    assert [(event.turn_id, event.data["label"]) for event in results] == [
        ("turn-0", "supported"),
        ("turn-1", "flagged"),
    ]
    assert {event.variant for event in results} == {"v2"}
    assert house.keeper.state
    assert house.keeper.state.counts
    assert house.keeper.state.counts.candidate.judged == 2


async def test_a_journal_that_is_gone_ends_the_trial() -> None:
    house = House()
    await house.look()
    house.log.broken = True
    await house.look(START + 800)
    assert house.acts.now.trial
    await house.look(START + 1000)
    assert house.acts.now == Live()
    assert "journal" in house.acts.rulings[0].reasons[0].text


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_clock_that_jumps_ends_the_trial_without_a_decision(jump: float) -> None:
    house = House()
    monotonic = house.clock.elapsed
    await house.look(START + 30)
    house.clock.elapsed = lambda: monotonic() - jump  # type: ignore[method-assign]
    await house.look(START + 33 + jump)
    assert house.verdicts == ["HOLD"]
    assert "clock jumped" in house.acts.rulings[0].reasons[0].text
    assert house.acts.now == Live()


async def test_a_clock_that_was_set_back_while_nothing_ran_is_noticed() -> None:
    house = House()
    user = next(house.writing.users(is_candidate=True))
    house.put(lambda writing: writing.turn(START + 7200, user, "turn"))
    house.clock.at = START + 30
    house.restart()
    await house.look()
    assert house.verdicts == ["HOLD"]


async def test_an_index_that_changes_in_mid_run_ends_the_trial_without_a_decision() -> None:
    house = House()
    users = house.writing.users(is_candidate=False)
    for number in range(2):
        user = next(users)
        house.put(lambda writing, user=user, number=number: writing.turn(START, user, f"turn-{number}"))  # type: ignore[misc]
    await house.look(START + 5)
    assert house.verdicts == []
    house.put(lambda writing: writing.turn(START + 6, next(users), "later"))
    number, event = house.log.entries[-1]
    house.log.entries[-1] = Entry(number, msgspec.structs.replace(event, index_sha="index-2"))
    await house.look(START + 9)
    assert house.verdicts == ["HOLD"]
    assert "The index of the control changed in mid-run" in house.acts.rulings[0].reasons[0].text


async def test_who_takes_a_candidate_back_by_hand_ends_its_run() -> None:
    house = House()
    await house.look(START + 3)
    house.acts.now = Live()
    await house.look(START + 6)
    assert house.verdicts == ["HOLD"]
    assert [reason.rule for reason in house.acts.rulings[0].reasons] == ["stopped"]


async def test_a_run_that_was_begun_and_never_came_to_be_live_ends() -> None:
    house = House()
    house.acts.now = Live()
    await house.look(START + 30)
    assert house.verdicts == []
    await house.look(START + 90)
    assert house.verdicts == ["HOLD"]


async def test_a_trial_that_no_journal_tells_of_is_ended() -> None:
    """Nobody would see the harm that it does."""
    house = House()
    house.log.entries.clear()
    await house.look()
    assert house.acts.now == Live()


async def test_a_pilot_is_left_alone() -> None:
    house = House()
    house.log.entries.clear()
    house.acts.now = Live(trial=Trial(run="pilot", mode="pilot", candidate="v2", release="r2", callers=("ann",)))
    await house.look()
    assert house.acts.now.trial


async def test_what_goes_wrong_while_looking_is_shown_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    await house.look()
    house.acts.live = lambda: (_ for _ in ()).throw(RuntimeError("oops"))  # type: ignore[method-assign]
    keeping = asyncio.create_task(house.keeper.keep())
    await asyncio.sleep(0.05)
    keeping.cancel()
    assert house.keeper.state
    assert house.keeper.state.trouble == "oops"
    assert "could not be looked after" in caplog.text


# in the shadow


def in_shadow(turns: int, **answer: object) -> tuple[House, list[str]]:
    """Return a house in which so many were answered by the control, and what the candidate answers nobody."""
    house = House()
    house.log.entries.clear()
    house.run = msgspec.structs.replace(RUN, evidence="shadow", shadow_turns=turns)
    house.log.write(started_event(house.run, "begun"))
    house.acts.now = Live(trial=Trial(run=RUN.run, mode="shadow", candidate="v2", release="r2"))
    names = [f"turn-{number}" for number in range(turns)]
    alike: dict[str, object] = {
        "control_kind": "answer",
        "kind": "answer",
        "control_is_bad": False,
        "is_bad": False,
        "control_latency_s": 0.1,
        "latency_s": 0.2,
        "control_cost_usd": 0.0,
        "cost_usd": 0.001,
    }
    for number, name in enumerate(names):
        event = house.writing.put("assistant.turn.completed", START + 1 + number, f"user-{number}", name, kind="answer")
        house.log.write(msgspec.structs.replace(event, flag_key="", variant=""))
        house.acts.answers[name] = msgspec.convert({**alike, **answer, "turn_id": name}, Shadowed)
    return house, names


async def test_a_shadow_answers_each_question_once_and_never_promotes() -> None:
    house, names = in_shadow(60)
    del house.acts.answers[names[-1]]
    for second in range(8):
        await house.look(START + 100 + second)
    assert sorted(event.turn_id for event in house.log.named(SHADOWED)) == sorted(names[:-1])
    assert house.verdicts == []
    assert house.keeper.state
    assert house.keeper.state.decision
    cost = {figure.name: figure for figure in house.keeper.state.decision.figures}["cost_usd"]
    assert (cost.n_candidate, cost.control) == (59, 0)
    event = house.writing.put("assistant.turn.completed", START + 99, "late", "late", kind="answer")
    house.log.write(msgspec.structs.replace(event, flag_key="", variant=""))
    house.acts.answers["late"] = msgspec.structs.replace(house.acts.answers[names[0]], turn_id="late")
    for second in range(3):
        await house.look(START + 110 + second)
    assert house.verdicts == ["HOLD"]
    assert house.acts.now == Live()
    (ruling,) = house.acts.rulings
    assert ruling.evidence == "shadow"
    assert "Nothing speaks against a trial on live traffic." in ruling.reasons[0].text


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"is_bad": True}, "It says what nothing supports: 32 questions where only the candidate does"),
        ({"kind": "refuse"}, "It refuses: 32"),
        ({"is_faulty": True}, "Its model fails: 32"),
    ],
)
async def test_a_shadow_that_is_worse_is_taken_back(answer: dict[str, object], told: str) -> None:
    house, _ = in_shadow(200, **answer)
    for second in range(3):
        await house.look(START + 300 + second)
    assert house.verdicts == ["ROLLBACK"]
    assert told in house.acts.rulings[0].reasons[0].text
    assert house.acts.now == Live()


async def test_where_both_are_as_bad_nothing_speaks_against_the_candidate() -> None:
    house, _ = in_shadow(64, is_bad=True, control_is_bad=True)
    for second in range(5):
        await house.look(START + 300 + second)
    assert house.verdicts == ["HOLD"]


async def test_a_restart_goes_on_with_a_shadow_where_it_was() -> None:
    house, names = in_shadow(60)
    await house.look(START + 100)
    house.restart()
    for second in range(4):
        await house.look(START + 101 + second)
    assert sorted(event.turn_id for event in house.log.named(SHADOWED)) == sorted(names)
    assert house.verdicts == ["HOLD"]


async def test_a_run_that_was_begun_without_a_gate_promotes_nothing() -> None:
    house = House(QUICK)
    house.run = msgspec.structs.replace(house.run, gate="")
    house.log = Log()
    house.log.write(started_event(house.run, "begun"))
    house.restart()
    house.put(two_arms(0.9, 0.6))
    await house.look(START + DAY_S + 1)
    assert house.verdicts == ["HOLD"]
    assert house.acts.now == Live()
    texts = [reason.text for reason in house.acts.rulings[0].reasons]
    assert "The gain is shown." in texts[0]
    assert "without a passing gate" in texts[1]


LATE = "01KB4X1E00AAAAAAAAAAAAAAAA"


@pytest.mark.parametrize("is_ascending", [True, False])
async def test_a_restart_reads_no_more_than_the_run_where_times_ascend(*, is_ascending: bool) -> None:
    """Where they do not, the run is found all the same."""
    begun = begun_at(LATE)
    assert begun is not None
    run = msgspec.structs.replace(RUN, run=LATE, started_at=begun)
    log = Log()
    old = Writing(run=RUN)
    for number in range(5000):
        # Before the run began, or, by a clock that was wrong, a year after it.
        later = 0 if is_ascending or number < 4000 else 2 * 365 * DAY_S
        old.put("assistant.turn.completed", begun - 500_000 + number * 60 + later, f"user-{number}", f"old-{number}")
    log.write(*old.events)
    log.write(started_event(run, "begun"))
    new = Writing(run=run)
    new.turn(begun + 5, "user-1", "turn-1")
    log.write(*new.events)
    trial = Trial(run=LATE, mode="canary", candidate="v2", release="r2", share=0.05, salt=RUN.salt)
    clock = TickingClock(begun + 60)
    keeper = Keeper(log, Acts(now=Live(trial=trial)), clock)
    await keeper.tick()
    assert keeper.state
    assert keeper.state.counts
    assert keeper.state.counts.control.turns + keeper.state.counts.candidate.turns == 1
    if is_ascending:
        assert log.read < 1000


async def test_where_nothing_was_tried_a_long_journal_is_not_read() -> None:
    log = Log()
    old = Writing(run=RUN)
    for number in range(5000):
        old.put("assistant.turn.completed", START + number * 60, f"user-{number}", f"old-{number}")
    log.write(*old.events)
    acts = Acts(now=Live(), known="")
    await Keeper(log, acts, TickingClock(START + 5000 * 60)).tick()
    assert log.read < 1000


async def test_while_the_faq_alone_answers_nothing_is_decided_and_its_step_begins_anew() -> None:
    house = House()
    await house.look(START + 1000)
    house.acts.now = msgspec.structs.replace(house.acts.now, faq_only=True)
    await house.look(START + DAY_S + 60)
    assert house.share == 0.05
    assert house.keeper.state
    assert house.keeper.state.decision
    assert "Only the FAQ answers" in house.keeper.state.decision.reasons[0].text
    house.acts.now = msgspec.structs.replace(house.acts.now, faq_only=False)
    for seconds in (63, 66):
        await house.look(START + DAY_S + seconds)
    assert house.share == 0.05
    await house.look(START + 2 * DAY_S + 60)
    assert house.share == 0.05
    await house.look(START + 2 * DAY_S + 70)
    assert house.share == 0.25
    assert house.verdicts == []


async def test_a_salt_that_was_changed_by_hand_ends_the_trial_without_a_decision() -> None:
    """Users would change arms, and nothing else would show it."""
    house = House()
    await house.look(START + 10)
    assert house.acts.now.trial
    house.acts.now = Live(trial=msgspec.structs.replace(house.acts.now.trial, salt="chosen by somebody"))
    await house.look(START + 13)
    assert house.verdicts == ["HOLD"]
    assert "changed by hand" in house.acts.rulings[0].reasons[0].text
    assert house.acts.now == Live()


async def test_a_candidate_that_is_promoted_by_hand_is_said_to_be() -> None:
    house = House()
    await house.look(START + 10)
    house.acts.now = Live(release="r2")
    await house.look(START + 13)
    assert house.verdicts == ["HOLD"]
    assert "promoted the candidate by hand" in house.acts.rulings[0].reasons[0].text
    assert house.acts.now == Live(release="r2")


async def test_a_share_that_was_changed_by_hand_is_set_back() -> None:
    house = House()
    await house.look(START + 10)
    assert house.acts.now.trial
    house.acts.now = Live(trial=msgspec.structs.replace(house.acts.now.trial, share=0.9))
    await house.look(START + 13)
    assert house.share == 0.05
    assert [event.data["share"] for event in house.log.named(STEP)] == [0.05]

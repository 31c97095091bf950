"""Cases are drafted from what went badly, with the words of those alone who have consented."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import Missing
from shipmate.evals.cases import AnswerCase
from shipmate.evals.propose import accept, bad_turns, is_held_out, propose, write_proposed
from shipmate.evals.suite import read, suite_of
from shipmate.messages import Asked, Event, Question
from shipmate.tickets.masks import mask


def event(name: str, turn_id: str, *, at: float = 1.0, flag: str = "", **data: object) -> Event:
    return Event(
        name=name,
        ts=at,
        event_id=f"{name}{turn_id}{at}",
        turn_id=turn_id,
        conversation_id=turn_id,
        flag_key=flag,
        data=data,
    )


def turn(turn_id: str, kind: str = "answer", intent: str = "reset", flag: str = "") -> Event:
    return event("assistant.turn.completed", turn_id, flag=flag, kind=kind, intent=intent)


def asked(turn_id: str, text: str, *, shown: bool = True, standalone: str = "") -> Asked:
    question = Question(text=text, standalone=standalone or text)
    return Asked(turn_id=turn_id, caller="ann", question=question, may_be_shown=shown)


EVENTS = [
    turn("good"),
    turn("down"),
    event("assistant.feedback", "down", value=-1),
    turn("again"),
    event("assistant.reask", "later", prev_turn_id="again"),
    turn("fallback", kind="fallback"),
    event("assistant.fallback", "fallback"),
    turn("refused", kind="refuse"),
    turn("rightly", kind="refuse", intent=""),
    turn("tried", flag="run-1"),
    event("assistant.feedback", "tried", value=-1),
    event("canary.verdict", "", run="run-1", verdict="ROLLBACK"),
]


@given(st.randoms(use_true_random=False))
def test_what_went_badly_is_told_however_often_and_in_whatever_order_it_comes(random: object) -> None:
    told = [*EVENTS, *EVENTS]
    random.shuffle(told)  # type: ignore[attr-defined]
    assert {bad.turn_id: bad.why for bad in bad_turns(told)} == {
        "down": ("thumbs_down",),
        "again": ("asked_again",),
        "fallback": ("fallback",),
        "refused": ("refused",),
        "tried": ("thumbs_down", "rollback"),
    }


def test_the_last_opinion_of_a_turn_counts() -> None:
    events = [
        turn("t"),
        event("assistant.feedback", "t", at=2, value=1),
        event("assistant.feedback", "t", at=1, value=-1),
    ]
    assert bad_turns(events) == []


def test_words_are_used_only_with_consent_and_masked_and_never_twice() -> None:
    bad = bad_turns([turn(str(n), kind="refuse") for n in range(6)])
    words = [
        asked("0", "I am locked out, mail me at ann@example.org"),
        asked("1", "secret words", shown=False),
        asked("2", "and then?", standalone="and then, after the reset?"),
        asked("3", "How do I reset it?"),
        asked("4", "how do I  RESET it?"),
    ]
    suite = suite_of("s", [AnswerCase(id="x", input="Known already")])
    proposed = propose(bad, words, suite, mask)
    assert [getattr(case, "input", "") for case in proposed.cases] == (
        ["I am locked out, mail me at [email address]", "How do I reset it?"]
    )
    assert (proposed.bad, proposed.without_consent, proposed.follow_ups, proposed.known) == (6, 2, 1, 1)


def test_drafts_count_only_when_they_are_accepted(tmp_path: Path) -> None:
    bad = bad_turns([turn("a", kind="refuse"), turn("b", kind="refuse")])
    proposed = propose(bad, [asked("a", "First?"), asked("b", "Second?")], None, mask)
    write_proposed(tmp_path, proposed)
    with pytest.raises(Missing, match="no cases"):
        read(tmp_path)
    accept(tmp_path, [proposed.cases[0].id])
    assert [getattr(case, "input", "") for case in read(tmp_path).cases] == ["First?"]
    with pytest.raises(Missing, match="is proposed"):
        accept(tmp_path, [proposed.cases[0].id])


def test_what_a_person_wrote_into_a_draft_stays_and_a_draft_of_forgotten_words_gives_way(tmp_path: Path) -> None:
    bad = bad_turns([turn("a", kind="refuse"), turn("b", kind="refuse")])
    both = propose(bad, [asked("a", "First?"), asked("b", "Second?")], None, mask)
    file = write_proposed(tmp_path, both)
    file.write_text(file.read_text().replace("First?", "First, as a person puts it?"))
    write_proposed(tmp_path, propose(bad, [asked("a", "First?")], None, mask))
    assert "First, as a person puts it?" in file.read_text()
    assert "Second?" not in file.read_text()
    accept(tmp_path, [both.cases[0].id, both.cases[0].id])
    assert len(read(tmp_path).cases) == 1


def test_one_conversation_in_ten_is_held_out_of_training_and_always_the_same() -> None:
    held = [name for name in map(str, range(20_000)) if is_held_out(name)]
    assert 1800 < len(held) < 2200
    assert all(map(is_held_out, held))

"""Drafts cases from conversations that went badly: a person reads each before it counts."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from shipmate.disk import disk_faults, write_whole
from shipmate.errors import Damaged, Missing
from shipmate.evals.cases import AnswerCase, AnswerExpect, Case, RefusalCase
from shipmate.evals.suite import EVALS, Suite
from shipmate.messages import Asked, Event, Record, ReplyKind
from shipmate.shape import did_you_mean

__all__ = ["ACCEPTED", "PROPOSED", "Bad", "Proposed", "accept", "bad_turns", "is_held_out", "propose", "write_proposed"]

PROPOSED = "proposed/cases.jsonl"
ACCEPTED = "accepted.jsonl"
# Of all conversations, one in so many is held out of training, so that it may become a case.
HELD_OUT_ONE_IN = 10
ID_CHARS = 10


class Bad(Record, frozen=True, kw_only=True):
    """A turn that went badly, as far as the journal tells."""

    turn_id: str
    conversation_id: str
    intent: str
    lang: str
    # Such as "thumbs_down", "asked_again", "fallback", "refused", "rollback".
    why: tuple[str, ...]


class Proposed(Record, frozen=True, kw_only=True):
    """Drafted cases, and what could not become one."""

    cases: tuple[Case, ...] = ()
    bad: int = 0
    # Asked without consent, or erased since: their words are not used.
    without_consent: int = 0
    # They make sense only after what was said before.
    follow_ups: int = 0
    # A case asks it already.
    known: int = 0


def bad_turns(events: Iterable[Event]) -> list[Bad]:
    """Return the turns that went badly; what is told twice, or late, counts once, and the last opinion of a turn.

    What went badly in the candidate of a trial that was taken back is named so.
    """
    turns: dict[str, Event] = {}
    why: dict[str, set[str]] = defaultdict(set)
    opinions: dict[str, Event] = {}
    rolled_back: set[object] = set()
    for event in events:
        match event.name:
            case "assistant.turn.completed":
                turns[event.turn_id] = event
                if event.data.get("kind") == ReplyKind.REFUSE and event.data.get("intent"):
                    why[event.turn_id].add("refused")
            case "assistant.feedback":
                known = opinions.get(event.turn_id, event)
                opinions[event.turn_id] = max(known, event, key=lambda one: (one.ts, one.event_id))
            case "assistant.reask":
                why[str(event.data.get("prev_turn_id", ""))].add("asked_again")
            case "assistant.fallback":
                why[event.turn_id].add("fallback")
            case "canary.verdict" if event.data.get("verdict") == "ROLLBACK":
                rolled_back.add(event.data.get("run"))
    for turn_id, opinion in opinions.items():
        if opinion.data.get("value") == -1:
            why[turn_id].add("thumbs_down")
    return [
        Bad(
            turn_id=turn_id,
            conversation_id=turn.conversation_id,
            intent=str(turn.data.get("intent", "")),
            lang=turn.lang,
            why=(*sorted(why[turn_id]), *(("rollback",) if turn.flag_key and turn.flag_key in rolled_back else ())),
        )
        for turn_id, turn in turns.items()
        if why.get(turn_id)
    ]


def propose(bad: Sequence[Bad], asked: Sequence[Asked], suite: Suite | None, mask: Callable[[str], str]) -> Proposed:
    """Draft a case of each bad turn whose words may be used; names and numbers are masked."""
    words = {one.turn_id: one.question for one in asked if one.may_be_shown}
    known = {_plain(getattr(case, "input", "")) for case in suite.cases} if suite else set()
    cases: dict[str, Case] = {}
    without_consent = follow_ups = doubled = 0
    for one in bad:
        question = words.get(one.turn_id)
        if question is None:
            without_consent += 1
        elif question.standalone != question.text:
            follow_ups += 1
        elif _plain(mask(question.text)) in known:
            doubled += 1
        else:
            known.add(_plain(mask(question.text)))
            cases[one.turn_id] = _drafted(one, mask(question.text))
    return Proposed(
        cases=tuple(cases.values()),
        bad=len(bad),
        without_consent=without_consent,
        follow_ups=follow_ups,
        known=doubled,
    )


def is_held_out(conversation_id: str) -> bool:
    """Tell whether a conversation must not be trained on: the same every time, one in ten."""
    digest = hashlib.sha256(conversation_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def write_proposed(folder: Path, proposed: Proposed) -> Path:
    """Write the drafts where nothing counts yet.

    One that is there already stays as a person has left it; one that is not proposed any more gives way.
    """
    file = folder / EVALS / PROPOSED
    edited = _drafts(file) if file.exists() else {}
    with disk_faults(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = (edited.get(case.id) or msgspec.json.encode(case) for case in proposed.cases)
        write_whole(file, b"".join(line + b"\n" for line in lines))
    return file


def accept(folder: Path, case_ids: Sequence[str]) -> Path:
    """Take drafts up into the suite. Raises `Missing` for one that was not proposed."""
    place = folder / EVALS
    drafts = _drafts(place / PROPOSED)
    for case_id in case_ids:
        if case_id not in drafts:
            raise Missing(f"No case `{case_id}` is proposed.", do=did_you_mean(case_id, drafts))
    with disk_faults(place / ACCEPTED):
        known = (place / ACCEPTED).read_bytes().splitlines() if (place / ACCEPTED).exists() else []
        taken = [drafts[case_id] for case_id in dict.fromkeys(case_ids)]
        # Where a crash came in between, they are there already.
        write_whole(place / ACCEPTED, b"".join(line + b"\n" for line in dict.fromkeys([*known, *taken])))
        left = [line for case_id, line in drafts.items() if case_id not in case_ids]
        write_whole(place / PROPOSED, b"".join(line + b"\n" for line in left))
    return place / ACCEPTED


def _drafts(file: Path) -> Mapping[str, bytes]:
    if not file.exists():
        raise Missing("Nothing is proposed.", do="Run `shipmate eval propose` first.")
    with disk_faults(file):
        lines = file.read_bytes().splitlines()
    try:
        return {msgspec.json.decode(line, type=dict)["id"]: line for line in lines if line.strip()}
    except (msgspec.MsgspecError, KeyError) as error:
        raise Damaged(f"{file} does not read back: {error}.", do="Run `shipmate eval propose` again.") from error


def _drafted(bad: Bad, text: str) -> Case:
    case_id = f"past-{hashlib.sha256(bad.turn_id.encode()).hexdigest()[:ID_CHARS]}"
    told = {"turn_id": bad.turn_id, "why": list(bad.why), "held_out": is_held_out(bad.conversation_id)}
    if "refused" in bad.why:
        return RefusalCase(
            id=case_id, input=text, intent=bad.intent, lang=bad.lang, expect="answer", tags=bad.why, metadata=told
        )
    return AnswerCase(
        id=case_id,
        input=text,
        intent=bad.intent,
        lang=bad.lang,
        expect=AnswerExpect(kind="answer", grounded=True),
        tags=bad.why,
        metadata=told,
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())

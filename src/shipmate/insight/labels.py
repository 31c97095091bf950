"""The outcome of an episode as the journal has it: `assistant.issue.matured`, and the records of what was seen of it."""

from hashlib import blake2b
from typing import Literal

import msgspec

from shipmate.messages import Event, Record

__all__ = [
    "FAST",
    "LABEL_VERSION",
    "LATE",
    "MATURED",
    "WINDOWS_S",
    "Label",
    "Matured",
    "Window",
    "label_of",
    "matured_event",
]

MATURED = "assistant.issue.matured"
# The rules, in their order and with their windows: a change of either is another version.
LABEL_VERSION = "ftr/1"
ID_BYTES = 13
Window = Literal["fast", "72h"]
FAST: Window = "fast"
LATE: Window = "72h"
WINDOWS_S: dict[Window, float] = {FAST: 30 * 60.0, LATE: 72 * 3600.0}


class Label(Record, frozen=True, kw_only=True):
    """What the signals of one window say of an episode."""

    # Whether the first turn solved it; nothing where it does not count, as for greetings and right refusals.
    ftr: Literal[0, 1] | None
    # Whether it was solved without a person, in however many turns; a question back is no failure here.
    resolved: Literal[0, 1] | None
    # 1 to 7, the first that matched; 0 where the first reply itself decided.
    rule: int
    kind: Literal["confirmed", "assumed", "excluded"]
    # In a word, such as "handoff", "thumbs_down", "clarified", "silence".
    reason: str


class Matured(Record, frozen=True, kw_only=True):
    """The label of an episode whose window has passed."""

    issue_id: str
    window: Window
    label: Label
    # The opening turn, which carries what answered.
    opening: Event
    # The id of the event whose label this one takes the place of; empty for a first one.
    revises: str = ""
    # What was told of this window before, as far as it was told here, and the opening turn of that time.
    before: tuple[Label, Event] | None = None

    @property
    def event_id(self) -> str:
        """Return the same id for the same label at every telling, so that telling it twice counts once."""
        said = (self.issue_id, self.window, self.label, self.opening.turn_id, self.revises)
        return blake2b(msgspec.json.encode(said), digest_size=ID_BYTES).hexdigest()


def matured_event(matured: Matured) -> Event:
    """Return the journal's event of a label: it carries what the opening turn carried."""
    opening, label = matured.opening, matured.label
    return Event(
        name=MATURED,
        ts=opening.ts + WINDOWS_S[matured.window],
        event_id=matured.event_id,
        conversation_id=opening.conversation_id,
        issue_id=matured.issue_id,
        turn_id=opening.turn_id,
        user_hash=opening.user_hash,
        tenant=opening.tenant,
        region=opening.region,
        lang=opening.lang,
        release=opening.release,
        variant=opening.variant,
        flag_key=opening.flag_key,
        charter_sha=opening.charter_sha,
        index_sha=opening.index_sha,
        model=opening.model,
        consent=opening.consent,
        data={
            "ftr_label": label.ftr,
            "resolved": label.resolved,
            "rule": label.rule,
            "kind": label.kind,
            "reason": label.reason,
            "window": matured.window,
            "label_version": LABEL_VERSION,
            "revises": matured.revises,
            "intent": opening.data.get("intent", ""),
            "opened_at": opening.ts,
        },
    )


def label_of(event: Event) -> Label:
    """Return the label that an event of this name carries; raise `KeyError` for one that carries none."""
    data = event.data
    return Label(
        ftr=_bit(data["ftr_label"]),
        resolved=_bit(data["resolved"]),
        rule=int(str(data["rule"])),
        kind="excluded" if data["kind"] == "excluded" else "confirmed" if data["kind"] == "confirmed" else "assumed",
        reason=str(data["reason"]),
    )


def _bit(value: object) -> Literal[0, 1] | None:
    return None if value is None else 1 if value else 0

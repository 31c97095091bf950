"""A verdict as a file: signed, with all that it rests on, so that others may act on it and nobody can change it."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from shipmate.config import PROMPT
from shipmate.disk import disk_faults
from shipmate.errors import Damaged
from shipmate.messages import Record
from shipmate.release.canary.decision import Decision, Figure, Reason, Verdict
from shipmate.release.canary.run import Evidence, Run
from shipmate.signing import Signature, Signer, verify

__all__ = [
    "Ruling",
    "change_digest",
    "prompt_digest",
    "read_ruling",
    "ruling_of",
    "sealed",
    "signature_in",
    "unfit_for_promotion",
]

PURPOSE = "verdict"
MOST_BYTES = 1 << 20
# So long a verdict promotes: what it was reached beside, and who asks, is another thing later.
FRESH_DAYS = 7
DAY_S = 86_400


class Ruling(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verdict, and what it is a verdict on."""

    version: Literal[1] = 1
    run: str
    verdict: Verdict
    # It will not change any more.
    ended: bool
    # Seconds since the epoch, UTC.
    at: float
    evidence: Evidence
    control: str
    candidate: str
    # What the candidate is, and what answered beside it; an empty one was the folder as it was.
    release: str
    control_release: str
    # Hashes of what the candidate has otherwise, and of its prompt alone.
    change: str
    prompt: str
    # The report of the gate that it passed; empty: it was begun without one.
    gate: str
    reasons: tuple[Reason, ...]
    figures: tuple[Figure, ...]


class Sealed(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the file."""

    ruling: Ruling
    signature: Signature


def ruling_of(run: Run, decision: Decision) -> Ruling:
    """Return a decision as a ruling on its run."""
    return Ruling(
        run=run.run,
        verdict=decision.verdict,
        ended=decision.ended,
        at=decision.at,
        evidence=run.evidence,
        control=run.control,
        candidate=run.candidate,
        release=run.release,
        control_release=run.control_release,
        change=run.change,
        prompt=run.prompt,
        gate=run.gate,
        reasons=decision.reasons,
        figures=decision.figures,
    )


def sealed(ruling: Ruling, signer: Signer) -> bytes:
    """Return the content of a verdict's file."""
    content = Sealed(ruling=ruling, signature=signer.sign(_signed(ruling), purpose=PURPOSE))
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def signature_in(content: bytes) -> str:
    """Return the signature of a verdict's file, as its event carries it."""
    return msgspec.json.decode(content, type=Sealed).signature.signature.hex()


def read_ruling(path: Path, trusted: Collection[str]) -> Ruling:
    """Return what a verdict's file says.

    Raises `Damaged` for one that was changed after it was signed, `Untrusted` for a stranger's, and `StorageError`.
    """
    with disk_faults(path), path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    try:
        found = msgspec.json.decode(content[:MOST_BYTES], type=Sealed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        do = "take it anew: `shipmate canary verdict --file`"
        raise Damaged(f"{path} is no verdict: {error}", do=do) from error
    verify(_signed(found.ruling), found.signature, purpose=PURPOSE, trusted=trusted)
    return found.ruling


def prompt_digest(content: bytes) -> str:
    """Return the hash of a prompt's file, whatever white space surrounds its words."""
    text = content.decode("utf-8-sig", errors="replace").strip()
    return hashlib.sha256(f"{text}\n".encode()).hexdigest()


def change_digest(files: Mapping[str, str], release: str = "") -> str:
    """Return the hash of all that a candidate has otherwise: of the hashes of its files, and of a release's id."""
    parts = [f"{name}\0{digest}" for name, digest in sorted(files.items())]
    return hashlib.sha256("\n".join([*parts, release]).encode()).hexdigest()


def unfit_for_promotion(ruling: Ruling, *, now: float, release: str = "", prompt: str = "") -> str:
    """Return why a verdict promotes nothing, or not this release, or not this prompt alone; empty when it does."""
    if ruling.verdict is not Verdict.PROMOTE:
        return f"The verdict is {ruling.verdict}, and only PROMOTE promotes."
    if ruling.evidence != "live":
        return f"The verdict rests on a {ruling.evidence}: only a trial on live traffic promotes."
    if not ruling.gate:
        return "The trial was begun without a passing gate."
    return _of_another(ruling, release, prompt) or _outdated(ruling, now)


def _of_another(ruling: Ruling, release: str, prompt: str) -> str:
    if release and release != ruling.release:
        return f"The verdict is on the release {ruling.release}, and this is {release}."
    if prompt and prompt != ruling.prompt:
        return f"The verdict is on a prompt with the hash {ruling.prompt or 'of the control'}, and this is {prompt}."
    if prompt and ruling.change != change_digest({PROMPT: prompt}):
        return "The candidate had more than its prompt otherwise: the prompt alone was not tried."
    return ""


def _outdated(ruling: Ruling, now: float) -> str:
    if not -DAY_S <= now - ruling.at <= FRESH_DAYS * DAY_S:
        days = (now - ruling.at) / DAY_S
        return f"The verdict is {days:.0f} days old, and promotes for {FRESH_DAYS}: try the candidate again."
    return ""


def _signed(ruling: Ruling) -> bytes:
    return msgspec.json.encode(ruling, order="deterministic")

"""A verdict's file: whoever has its key knows that it was decided so, and every change of it is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.errors import Damaged, ShipmateError, Untrusted
from shipmate.release.canary.decision import Decision, Figure, Reason, Verdict
from shipmate.release.canary.verdict import Ruling, change_digest, read_ruling, ruling_of, sealed, unfit_for_promotion
from shipmate.signing import Signer, open_signer
from tests.unit.canary_journal import RUN, START

RUN_WITH_GATE = msgspec.structs.replace(RUN, gate="report-1", prompt="a" * 64)
DECISION = Decision(
    at=START,
    verdict=Verdict.PROMOTE,
    ended=True,
    reasons=(Reason(rule="ftr", verdict=Verdict.PROMOTE, text="It resolves more."),),
    figures=(Figure(name="ftr_fast", definition="Resolved at the first turn.", candidate=0.73, control=0.7),),
)
RULING = ruling_of(RUN_WITH_GATE, DECISION)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return open_signer(tmp_path)


def test_a_verdict_reads_back_as_it_was_signed(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "verdict.json"
    path.write_bytes(sealed(RULING, signer))
    assert read_ruling(path, [signer.public]) == RULING


CHANGES: dict[str, Callable[[Any], None]] = {
    "the verdict": lambda ruling: ruling.update(verdict="PROMOTE" if ruling["verdict"] != "PROMOTE" else "HOLD"),
    "the release": lambda ruling: ruling.update(release="another"),
    "the evidence": lambda ruling: ruling.update(evidence="replay"),
    "a reason": lambda ruling: ruling["reasons"][0].update(text="Trust me."),
    "a figure": lambda ruling: ruling["figures"][0].update(candidate=0.99),
    "the time": lambda ruling: ruling.update(at=ruling["at"] + 1),
    "a key too many": lambda ruling: ruling.update(note="ok"),
    "a key too few": lambda ruling: ruling.pop("run"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_a_signed_verdict_is_found(tmp_path: Path, signer: Signer, change: str) -> None:
    path = tmp_path / "verdict.json"
    content = json.loads(sealed(RULING, signer))
    CHANGES[change](content["ruling"])
    path.write_text(json.dumps(content))
    with pytest.raises(Damaged):
        read_ruling(path, [signer.public])


def test_a_strangers_verdict_is_refused_by_name(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "verdict.json"
    path.write_bytes(sealed(RULING, signer))
    with pytest.raises(Untrusted, match="not trusted here"):
        read_ruling(path, [])


def test_a_signature_of_something_else_is_none_of_a_verdict(tmp_path: Path, signer: Signer) -> None:
    """A signed release may not stand for a verdict."""
    path = tmp_path / "verdict.json"
    content = json.loads(sealed(RULING, signer))
    other = signer.sign(msgspec.json.encode(RULING, order="deterministic"), purpose="release")
    content["signature"] = msgspec.to_builtins(other)
    path.write_text(json.dumps(content))
    with pytest.raises(Damaged):
        read_ruling(path, [signer.public])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_byte_of_the_file_can_be_changed_unnoticed(data: st.DataObject) -> None:
    """Save for white space, which says nothing."""
    signer, folder = SIGNED
    content = bytearray(sealed(RULING, signer))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path = folder / "verdict.json"
    path.write_bytes(content)
    try:
        assert read_ruling(path, [signer.public]) == RULING
    except (Damaged, Untrusted):
        return


@pytest.fixture(autouse=True, scope="module")
def _signed(tmp_path_factory: pytest.TempPathFactory) -> None:
    global SIGNED  # noqa: PLW0603 - the property above has no fixtures
    folder = tmp_path_factory.mktemp("signed")
    SIGNED = (open_signer(folder), folder)


SIGNED: tuple[Signer, Path]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"ruling": 1}', b"x" * (1 << 21)])
def test_what_is_no_verdict_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "verdict.json"
    path.write_bytes(content)
    with pytest.raises(Damaged, match="is no verdict"):
        read_ruling(path, [])


def test_a_verdict_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ShipmateError, match="does not exist"):
        read_ruling(tmp_path / "verdict.json", [])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"verdict": Verdict.HOLD}, "only PROMOTE"),
        ({"verdict": Verdict.ROLLBACK}, "only PROMOTE"),
        ({"verdict": Verdict.FUTILE}, "only PROMOTE"),
        ({"evidence": "replay"}, "live traffic"),
        ({"evidence": "shadow"}, "live traffic"),
        ({"gate": ""}, "without a passing gate"),
        ({"release": "r3"}, "on the release r3"),
        ({"prompt": "b" * 64}, "on a prompt"),
        (
            {"change": change_digest({"prompts/answer.md": RULING.prompt, "stack.yml": "c" * 64})},
            "more than its prompt",
        ),
        ({"at": RULING.at - 8 * 86_400}, "8 days old"),
        ({"at": RULING.at + 2 * 86_400}, "days old"),
    ],
)
def test_only_a_promotion_of_this_very_change_on_live_traffic_promotes(changed: dict[str, Any], why: str) -> None:
    ruling: Ruling = msgspec.structs.replace(RULING, change=change_digest({"prompts/answer.md": RULING.prompt}))
    asked = {"release": RULING.release, "prompt": RULING.prompt}
    assert unfit_for_promotion(ruling, now=RULING.at + 60, **asked) == ""
    ruling = msgspec.structs.replace(ruling, **changed)
    assert why in unfit_for_promotion(ruling, now=RULING.at + 60, **asked)

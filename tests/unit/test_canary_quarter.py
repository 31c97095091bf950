"""Who tries often promotes what is no better now and then: how often is told beforehand."""

import msgspec

from shipmate.release.canary.decision import Decision, Verdict
from shipmate.release.canary.quarter import quarter_of
from shipmate.release.canary.rules import DAY_S
from shipmate.release.canary.verdict import Ruling, ruling_of
from tests.unit.canary_journal import RUN, START


def ended(days_ago: float, verdict: Verdict = Verdict.HOLD) -> Ruling:
    return ruling_of(RUN, Decision(at=START - days_ago * DAY_S, verdict=verdict, ended=True, reasons=()))


def test_twenty_canaries_a_quarter_promote_one_that_is_no_better() -> None:
    found = quarter_of([*(ended(number) for number in range(19)), ended(89, Verdict.PROMOTE)], START, 0.05)
    assert (found.ended, found.promoted, found.false_promotions) == (20, 1, 1.0)
    assert "chance would promote 1 of 20 (alpha 0.05)" in found.told
    assert "with `primary: {alpha: 0.025}` in canary.yml 0.5." in found.told


def test_what_is_older_or_could_not_be_promoted_does_not_count() -> None:
    shadow = ruling_of(
        msgspec.structs.replace(RUN, evidence="shadow"),
        Decision(at=START, verdict=Verdict.HOLD, ended=True, reasons=()),
    )
    found = quarter_of([ended(91), ended(-1), shadow, ended(1)], START, 0.025)
    assert found.ended == 1
    assert found.told.endswith("chance would promote 0.025 of 1 (alpha 0.025).")

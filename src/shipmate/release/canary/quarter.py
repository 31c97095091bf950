"""How many canaries there were lately, and how many of them chance alone would have promoted."""

from collections.abc import Iterable

from shipmate.messages import Record
from shipmate.release.canary.decision import Verdict
from shipmate.release.canary.rules import DAY_S
from shipmate.release.canary.verdict import Ruling

__all__ = ["QUARTER_DAYS", "STRICTER", "Quarter", "quarter_of"]

QUARTER_DAYS = 90
# What is offered to those who try much.
STRICTER = 0.025


class Quarter(Record, frozen=True, kw_only=True):
    """The canaries of the last 90 days that have ended."""

    ended: int
    promoted: int
    # How often one whose candidate is no better is promoted, at most; and so how many of these, were none better.
    alpha: float
    false_promotions: float

    @property
    def told(self) -> str:
        """Return it in words."""
        if not self.ended:
            return f"No canary has ended in the last {QUARTER_DAYS} days."
        told = (
            f"{self.ended} {'canary has' if self.ended == 1 else 'canaries have'} ended in the last {QUARTER_DAYS} days, "
            f"and {self.promoted} {'was' if self.promoted == 1 else 'were'} promoted. Were none of the candidates better, "
            f"chance would promote {self.false_promotions:.2g} of {self.ended} (alpha {self.alpha:g})"
        )
        stricter = f"; with `primary: {{alpha: {STRICTER:g}}}` in canary.yml {STRICTER * self.ended:.2g}"
        return f"{told}{stricter if self.alpha > STRICTER else ''}."


def quarter_of(rulings: Iterable[Ruling], now: float, alpha: float) -> Quarter:
    """Count the canaries on live traffic that ended in the last 90 days; `alpha` is the level that holds now."""
    lately = [
        ruling
        for ruling in rulings
        if ruling.ended and ruling.evidence == "live" and now - QUARTER_DAYS * DAY_S <= ruling.at <= now
    ]
    return Quarter(
        ended=len(lately),
        promoted=sum(ruling.verdict is Verdict.PROMOTE for ruling in lately),
        alpha=alpha,
        false_promotions=alpha * len(lately),
    )

"""Lets a judge of eval cases say which of two versions answers a past question better."""

from shipmate.errors import ModelError
from shipmate.evals.judge import Judge, Preference
from shipmate.release.compare import Verdict
from shipmate.release.replay import Answered, Past

__all__ = ["PairJudge"]

VERDICTS: dict[Preference, Verdict] = {Preference.FIRST: "a", Preference.SECOND: "b", Preference.TIE: "same"}


class PairJudge:
    """A judge that sees each pair in both orders, and is not told which version is which."""

    def __init__(self, judge: Judge, caution: str = "") -> None:
        """`caution` says why it could not decide at the gate."""
        self._judge = judge
        self._caution = caution

    @property
    def name(self) -> str:
        """Return who judges, in which version, and how far that can be believed."""
        caution = f" ({self._caution.removesuffix('.')})" if self._caution else ""
        return f"{self._judge.version}{caution}"

    async def prefers(self, past: Past, a: Answered, b: Answered) -> Verdict:
        """Return the better one; `untold` when the judge's model fails."""
        if a.text == b.text:
            return "same"
        try:
            return VERDICTS[await self._judge.prefers(past.question.standalone, a.text, b.text)]
        except ModelError:
            return "untold"

"""What the judge, and what people, say of turns: who said what of which."""

from collections import Counter
from typing import NamedTuple

from shipmate.insight.evaluations import says_bad
from shipmate.messages import Event
from shipmate.release.canary.counts import Labels
from shipmate.release.canary.ledger import Ledger

__all__ = ["EVALUATED_AS", "Labelled", "Opinion", "opinion"]

EVALUATED_AS = frozenset({"hallucination", "groundedness", "ftr_audit"})
HUMAN = "human"


class Opinion(NamedTuple):
    """One `gen_ai.evaluation.result`."""

    name: str
    is_bad: bool
    is_human: bool
    # Of the judge: its version. Of a person: that of the judge whose turns were drawn for labelling.
    version: str


def opinion(event: Event) -> Opinion | None:
    """Return what an evaluation says; nothing for one of another kind, or one that is not to be read."""
    data = event.data
    name, label = str(data.get("name", "")), data.get("label")
    if name not in EVALUATED_AS or label is None:
        return None
    version = str(data.get("judge_version", ""))
    is_human = version.startswith(HUMAN) or data.get("by") == HUMAN
    return Opinion(name, says_bad(label), is_human, str(data.get("of", "")) if is_human else version)


class Labelled:
    """Whether each turn was flagged, and what people said of it; of each the first word holds."""

    def __init__(self) -> None:
        # By turn: 1 where it was flagged.
        self._judged = Ledger()
        # And whether it is the candidate's.
        self._said: dict[str, tuple[bool, bool]] = {}
        self._judged_of: Counter[bool] = Counter()
        self._versions: set[str] = set()
        self._calibrated: set[str] = set()

    def take(self, turn: str, said: Opinion, *, is_candidate: bool) -> bool:
        """Note an opinion; return whether it was a new one."""
        (self._calibrated if said.is_human else self._versions).add(said.version)
        if turn in self._said if said.is_human else self._judged.get(turn) is not None:
            return False
        if said.is_human:
            self._said[turn] = (said.is_bad, is_candidate)
        else:
            self._judged.put(turn, int(said.is_bad))
            self._judged_of[is_candidate] += 1
        return True

    def is_flagged(self, turn: str) -> bool:
        """Return whether a turn counts as flagged: the judge says so, and no person has cleared it."""
        return self._judged.get(turn) == 1 and self._said.get(turn, (True, False))[0]

    @property
    def versions(self) -> tuple[str, ...]:
        """Return the judge's versions."""
        return tuple(sorted(self._versions))

    @property
    def calibrated_version(self) -> str:
        """Return for which version of the judge people have labelled; the only one, or none."""
        known = self._calibrated - {""}
        return known.pop() if len(known) == 1 else self._only() if self._calibrated == {""} else ""

    def of_arm(self, *, is_candidate: bool) -> tuple[int, Labels, Labels]:
        """Return how many turns of an arm were judged, and what people said of flagged and of other ones."""
        strata = {True: [0, 0], False: [0, 0]}
        for turn, (is_bad, arm) in self._said.items():
            flagged = self._judged.get(turn)
            if arm is is_candidate and flagged is not None:
                stratum = strata[flagged == 1]
                stratum[0] += 1
                stratum[1] += is_bad
        labels = {
            is_bad: Labels(labelled=labelled, hallucinated=hallucinated)
            for is_bad, (labelled, hallucinated) in strata.items()
        }
        return self._judged_of[is_candidate], labels[True], labels[False]

    def _only(self) -> str:
        """Return the judge's one version: people who name none have labelled for it."""
        return self.versions[0] if len(self._versions) == 1 else ""

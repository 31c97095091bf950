"""A language model as judge: what it reads is data to it, whatever it says, and an answer out of form is no opinion."""

import secrets
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

from shipmate.answer.model import CITED
from shipmate.evals.cache import Cache, key_of
from shipmate.evals.judge import Holds, Opinion, Preference
from shipmate.messages import Message, Role, Usage
from shipmate.ports import ChatModel

__all__ = ["MAX_TOKENS", "MODEL_JUDGE", "OPINIONS", "TRIES", "ModelJudge"]

MODEL_JUDGE = "judge/model@1"
# Below the state's `evals/`: what was judged once.
OPINIONS = "opinions-1.txt"
MAX_TOKENS = 40
DEADLINE_S = 30.0
TRIES = 2
# Of each text that is judged, so much is shown.
TEXT_CHARS = 8_000
CODE_BYTES = 6
WORDS = {holds.value: holds for holds in (Holds.SUPPORTED, Holds.UNSUPPORTED, Holds.CONTRADICTED)}
SWAPPED = {
    Preference.FIRST: Preference.SECOND,
    Preference.SECOND: Preference.FIRST,
    Preference.TIE: Preference.TIE,
}


class ModelJudge:
    """Judges claims one by one, and pairs of replies in both orders."""

    def __init__(
        self,
        model: ChatModel,
        opinions: Cache[str],
        code: Callable[[], str] = lambda: secrets.token_hex(CODE_BYTES),
    ) -> None:
        """`code` makes what the judge has to begin its answer with: no text that is judged can know it."""
        self._model = model
        self._opinions = opinions
        self._code = code

    @property
    def version(self) -> str:
        """Return the prompts' version and the model: opinions of another one do not compare."""
        return f"{MODEL_JUDGE}:{self._model.name}"

    async def bears_out(self, claim: str, texts: Sequence[str], question: str) -> Opinion:
        """Return whether the texts say what the claim says. Raises what the model raises."""
        shown = {"Question": question, "Claim": CITED.sub("", claim)} | {
            f"Text {number}": text for number, text in enumerate(texts, 1)
        }
        said = await self._said("judge_claim.md", shown, tuple(WORDS))
        return Opinion(holds=WORDS.get(said, Holds.UNKNOWN), reason="The model says so." if said else "")

    async def prefers(self, question: str, first: str, second: str) -> Preference:
        """Return which reply is better in both orders; where the orders disagree, neither is."""
        one = await self._preferred(question, first, second)
        other = SWAPPED[await self._preferred(question, second, first)]
        return one if one is other else Preference.TIE

    async def _preferred(self, question: str, first: str, second: str) -> Preference:
        shown = {"Question": question, "First reply": first, "Second reply": second}
        said = await self._said("judge_pair.md", shown, tuple(Preference))
        return Preference(said) if said else Preference.TIE

    async def _said(self, prompt: str, shown: dict[str, str], words: Sequence[str]) -> str:
        """Return the word that the judge answers with; empty where it does not keep to the form."""
        key = key_of(self.version, prompt, shown)
        known = self._opinions.get(key)
        # The file may hold what no judge says.
        if known is not None and known in words:
            return known
        for _ in range(TRIES):
            said = await self._answer(prompt, shown, words)
            if said:
                self._opinions.put(key, said)
                return said
        return ""

    async def _answer(self, prompt: str, shown: dict[str, str], words: Sequence[str]) -> str:
        code = self._code()
        opening, closing = f"<{code}>", f"</{code}>"
        rules = _prompt(prompt).format(opening=opening, closing=closing, code=code)
        # The code is new each time, so that no text holds it; one that does all the same loses it.
        blocks = (
            f"{name}:\n{opening}\n{text.replace(code, '')[:TEXT_CHARS]}\n{closing}" for name, text in shown.items()
        )
        messages = [
            Message(role=Role.SYSTEM, text=rules, at=0.0),
            Message(role=Role.USER, text="\n\n".join(blocks), at=0.0),
        ]
        text = ""
        async for piece in self._model.stream(messages, max_tokens=MAX_TOKENS, deadline_s=DEADLINE_S):
            if isinstance(piece, Usage):
                continue
            text += piece
        given = text.strip().split()
        if len(given) == len(("code", "word")) and given[0] == code:
            word = given[1].strip("`.\"'").lower()
            return word if word in words else ""
        return ""


@cache
def _prompt(name: str) -> str:
    return (files("shipmate") / "prompts" / name).read_text(encoding="utf-8")

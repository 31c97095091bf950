"""The hold-back buffer: pieces of text in, whole sentences out, the same ones however the text was cut."""

import re

__all__ = ["SENTENCE_CHARS", "HoldBack"]

# Text without an end is cut here, so that it is held in bounded memory, checked and sent as well.
SENTENCE_CHARS = 2_000

# A citation marker such as [2] or [1, 3] behind the full stop belongs to the sentence. Whether one follows is
# known only when the first character after the white space, and after "[" and its digits, has come.
MARKER = r"\[[0-9][0-9, ]{0,12}\]"
MARKERS = rf"(?:[^\S\n]{{0,4}}{MARKER}){{0,6}}"
NO_MARKER_NEXT = r"(?=[^\s\[]|\[[^0-9]|\[[0-9][0-9, ]{0,12}[^0-9, \]]|\[[0-9][0-9, ]{13})"
END = re.compile(
    rf"""
    (?P<stop>[.!?…]{{1,20}})["'”’»)\]*_`]{{0,10}}{MARKERS}(?=[^\S\n]{{0,40}}\n|[^\S\n]{{1,40}}{NO_MARKER_NEXT})
    | [。！？]{{1,20}}["”’」』）]{{0,10}}{MARKERS}(?![。！？"”’」』）]){NO_MARKER_NEXT}
    | (?<=\S)[^\S\n]{{0,40}}(?=\n\s{{0,80}}\S)
    """,
    re.VERBOSE,
)
# Every end begins with one of these or stands before a line break.
MAY_END = re.compile(r"[.!?…。！？\n]")
# Every end is known when so many more characters have come, ...
LOOK_AHEAD = 256
# ... or sooner, when one of them can be no part of it.
PENDING = ".!?…。！？\"'”’»」』）)*_`[]0123456789," + "".join(filter(str.isspace, map(chr, range(0x3001))))

FENCE = re.compile(r"\s*(`{3,}|~{3,})(?=[^`~])")
# A line goes on in the next one when that begins in lower case.
WRAPPED = re.compile(r"\n[^\S\n]*[a-z]")
NEXT = re.compile(r"\s*(\S?)")
LIST_NUMBER = re.compile(r"\s*\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,5})\.")
FIRST_LETTER = re.compile(r"[^\W\d_]")
LAST_WORD = re.compile(r"([^\s(\[\"'“‘]+)\.\Z")
# No abbreviation is longer, and a search from the beginning would try every word.
ABBREVIATION_CHARS = 20
INITIALS = re.compile(r"[a-z](?:\.[a-z])*")
# "Yes." or "It does." claims what the next sentence says, and stands or falls with it.
ASSENT = re.compile(
    r"""
    \s*(?:(?:yes|no|yea|yeah|yep|nope|sure|right|correct|exactly|absolutely|certainly|definitely|indeed|of\ course)\b[\s,]*)*
    (?:(?:i\ (?:believe|think)\ )?(?:i|it|he|she|they|that|this|there|these|those|you|we)\ (?:really\ |certainly\ )?
    (?:is|are|was|were|do|does|did|has|have|had|can|could|may|will|would|should)(?:n't|\ not)?)?
    \s*[.!…]+\s*
    """,
    re.IGNORECASE | re.VERBOSE,
)
ABBREVIATIONS = frozenset(
    """a.m adm approx apr assn assoc aug ave bldg blvd brig ca capt cf col corp cpl dec dept dr e.g ed eds esp et feb
    fig figs ft gen gov hon i.e incl jan jr jul jun lt maj messrs mr mrs ms mt nov oct p.m pp prof ref rep rev sen sep
    sept sgt sr st u.k u.n u.s univ viz vol vols vs""".split()
)
# "No. 5", but "The answer is no. It ..."
BEFORE_DIGITS = frozenset("art ch max min no nos p pt sec".split())


class HoldBack:
    """Hold text back until a sentence is whole; joined, what comes out is what went in.

    White space goes with the sentence behind it. A code block, a list item and a table row count as sentences.
    """

    def __init__(self) -> None:
        self._held = ""
        # Before this position no sentence ends.
        self._searched = 0

    def feed(self, piece: str) -> list[str]:
        """Take the next piece and return the sentences that it completes."""
        self._held += piece
        complete: list[str] = []
        if len(self._held) < SENTENCE_CHARS and not MAY_END.search(self._held, self._searched):
            # White space may yet belong to an end.
            self._searched = max(self._searched, len(self._held.rstrip()))
            return complete
        while end := self._end():
            sentence, self._held, self._searched = self._held[:end], self._held[end:], 0
            complete.append(sentence)
        return complete

    def flush(self) -> str:
        """Return what is left when no more text comes."""
        rest, self._held, self._searched = self._held, "", 0
        return rest

    def _end(self) -> int:
        """Return where the first held sentence ends, or 0 while that is not known."""
        fence = FENCE.match(self._held)
        end = self._block_end(fence) if fence else self._sentence_end()
        if end or len(self._held) < SENTENCE_CHARS:
            return end
        space = max(self._held.rfind(mark, 0, SENTENCE_CHARS) for mark in " \n")
        return space if space > 0 else SENTENCE_CHARS

    def _block_end(self, fence: re.Match[str]) -> int:
        closing = re.compile(rf"\n[^\S\n]*{fence[1]}(?=[^{fence[1][0]}])")
        match = closing.search(self._held, fence.end(), SENTENCE_CHARS)
        return match.end() if match else 0

    def _sentence_end(self) -> int:
        while match := END.search(self._held, self._searched, SENTENCE_CHARS):
            if not self._runs_on(match):
                return match.end()
            self._searched = max(match.end(), match.start() + 1)
        known = max(len(self._held.rstrip(PENDING)), len(self._held) - LOOK_AHEAD)
        self._searched = max(self._searched, known)
        return 0

    def _runs_on(self, match: re.Match[str]) -> bool:
        """Tell whether the sentence goes on behind what looks like its end."""
        so_far = self._held[: match.end()]
        if ASSENT.fullmatch(so_far):
            return True
        if match["stop"] is None:
            return WRAPPED.match(self._held, match.end()) is not None
        if match["stop"] != ".":
            return False
        behind = NEXT.match(self._held, match.end())
        return _abbreviates(self._held[: match.end("stop")], behind[1] if behind else "")


def _abbreviates(so_far: str, following: str) -> bool:
    """Tell whether the full stop at the end belongs to an abbreviation, an initial or a list's number."""
    last = LAST_WORD.search(so_far, max(len(so_far) - ABBREVIATION_CHARS, 0))
    word = last[1].lower() if last else ""
    if word in ABBREVIATIONS or (word in BEFORE_DIGITS and following.isdigit()) or LIST_NUMBER.fullmatch(so_far):
        return True
    if INITIALS.fullmatch(word) and (following.isupper() or following.isdigit()):
        return True
    first = FIRST_LETTER.search(so_far)
    return following.islower() and first is not None and first[0].isupper()

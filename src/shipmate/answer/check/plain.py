"""Text as a reader sees it: nothing invisible, and one way to write each digit, dash, quote and dot."""

import html
import re
import unicodedata
from functools import lru_cache

__all__ = ["plain", "safe"]

BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
HALF_OF_DAY = re.compile(r"\b([ap])\.m\.", re.IGNORECASE)
# Composed forms that would melt into the digits before them: 10² is not 102, 1½ is not 11/2.
BEHIND_DIGIT = re.compile(r"([²³¹⁰⁴-⁹₀-₉¼-¾⅐-⅞])(?<=\d.)")
# What is drawn as nothing, besides format characters. Accents that stand apart from their letter are left out, too.
UNDRAWN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2800\u3164\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# What could make a reader see another text than the one that was checked; joiners of letters and emoji may stay.
MISLEADING = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
SIGNS = {
    **dict.fromkeys("‐‑‒–—―−﹘﹣", "-"),
    **dict.fromkeys("‘’‚‛′ʼ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("。․‧", "."),
    **dict.fromkeys("⁄∕", "/"),
    "…": "...",
    "×": "x",
}


def plain(text: str) -> str:
    """Return the text without invisible, bidirectional and compatibility characters, entities undone; a.m. is am."""
    if "&" in text:
        text = html.unescape(text)
    if ".m." in text or ".M." in text:
        text = HALF_OF_DAY.sub(r"\1m", text)
    if text.isascii():
        return text
    return BEYOND_ASCII.sub(_drawn, unicodedata.normalize("NFKC", BEHIND_DIGIT.sub(r" \1", text)))


def safe(text: str) -> str:
    """Return the text as it may be shown: without invisible and direction-changing characters."""
    return text if text.isascii() else MISLEADING.sub("", text)


def _drawn(match: re.Match[str]) -> str:
    return _sign(match[0])


@lru_cache(maxsize=4096)
def _sign(character: str) -> str:
    if character in SIGNS:
        return SIGNS[character]
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Zs":
        return " "
    return "" if category in ("Cf", "Mn") or UNDRAWN.match(character) else character

"""Links, one way to write each, and addresses that are spelled out."""

import re
from collections.abc import Iterator

__all__ = ["TLD", "canonical_link", "spelled_links"]

TLD = "|".join(
    """ac ai app at au be biz br ca cc ch click cloud club cn co com de dev dk edu es eu fi fr gov gg gl ie in info int
    io ir is it jp kr link live ly me mil mobi mx name net nl no nz online org page pl pro pt pw ro ru se sh shop site
    store su tech tk to top tv ua uk us website wiki world xyz za zip""".split()
)
# Addresses that are to be read aloud: "evil dot com", "evil(dot)com", "evil .com", "me@evil". What is an ordinary word or
# the end of a file's name counts only where brackets leave no doubt.
SPELLED = re.compile(
    rf"""[\w.+-]+\s?(?:@|[\[({{]\s?at\s?[\])}}])\s?[\w-]++(?!\.?\w)
    | [\w-]+\s?[\[({{]\s?dot\s?[\])}}]\s?(?:{TLD})\b
    | [\w-]+(?:\ dot\ |\ \.\ ?)(?!(?:at|be|in|is|it|me|net|no|pl|sh|so|to|us|zip)\b)(?:{TLD})\b(?!\ (?:domain|file))
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Each of them holds one of the signs, and then this. Both are for speed.
SPELLING = ("@", "dot", " .", ")", "]", "}")
MAY_SPELL = re.compile(r"@|\bdot\b|\bat\s?[\])}]| \.", re.IGNORECASE)
DOT = re.compile(r"\s?(?:[\[({]\s?dot\s?[\])}]|\bdot\b|\.)\s?")
AT = re.compile(r"\s?(?:[\[({]\s?at\s?[\])}]|@)\s?")
BEFORE_TARGET = re.compile(r"^(?:\]\(\s*<?|\s*\[[^\]]+\]:\s*<?)")
BEFORE_HOST = re.compile(r"^(?:https?:)?//(?:www\.)?|^www\.")


def canonical_link(token: str) -> str:
    """Return the link without what does not change where it leads: scheme, www and the sentence's own full stop."""
    target = BEFORE_TARGET.sub("", token)
    target = target.replace("[.]", ".").replace("(.)", ".").rstrip(".,;:!?*_>").lower()
    return BEFORE_HOST.sub("", target).rstrip("/")


def spelled_links(text: str) -> Iterator[str]:
    """Yield the addresses that are spelled out, in signs: "evil dot com" is evil.com."""
    lowered = text.lower()
    if any(sign in lowered for sign in SPELLING) and MAY_SPELL.search(text):
        for match in SPELLED.finditer(text):
            yield AT.sub("@", DOT.sub(".", match[0].lower()))

"""Whether what an intent works with is there: its tools and its documents."""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from shipmate.charter.subject import Finding, Subject, intents
from shipmate.shape import did_you_mean

__all__ = ["matches", "means_exist"]

# Of a pattern: `**/` is any folders or none, `**` anything, `*` and `?` what is no slash.
SIGNS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
SIGN = re.compile(r"\*\*/|\*\*|\*|\?")


def means_exist(subject: Subject) -> Iterator[Finding]:
    """Find tools that there are none of, tools that no intent may use, and knowledge that no document has."""
    yield from _tools(subject)
    if subject.facts.documents is None:
        return
    for path, intent in intents(subject):
        for number, pattern in enumerate(intent.knowledge):
            if not matches(pattern, subject.facts.documents):
                what = f"The intent `{intent.id}` is answered from `{pattern}`, and no document is called so."
                near = did_you_mean(pattern, subject.facts.documents) if "*" not in pattern else ""
                do = near if near.startswith("Did") else "Name a document, or a pattern such as `guides/*.md`."
                yield Finding((*path, "knowledge", number), what, do)


def _tools(subject: Subject) -> Iterator[Finding]:
    """Find missing tools: where there are none at all, one that is listed is a plan, which stops no release."""
    known = subject.facts.tools
    if known is None:
        return
    for path, intent in intents(subject):
        for number, tool in enumerate(intent.tools):
            if not known:
                what = f"The intent `{intent.id}` lists the tool `{tool}`, and this Shipmate calls no tools yet."
                do = "Leave it as a plan; until then, what `knowledge:` names answers."
                yield Finding((*path, "tools", number), what, do, is_mild=True)
            elif tool not in known:
                what = f"The intent `{intent.id}` lists the tool `{tool}`, and there is no such tool."
                yield Finding((*path, "tools", number), what, did_you_mean(tool, known))
    listed = {tool for _, intent in intents(subject) for tool in intent.tools}
    for tool in sorted(set(known) - listed):
        what = f"No intent uses the tool `{tool}`."
        yield Finding(("intents",), what, "List it where it is needed, or take it away.", is_mild=True)


def matches(pattern: str, documents: Collection[str]) -> bool:
    """Return whether a document has this name, lies in this folder, or is called as the pattern says."""
    if pattern in documents:
        return True
    fits = _expression(f"{pattern}**" if pattern.endswith("/") else pattern)
    return any(fits.fullmatch(document) for document in documents)


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = []
    behind = 0
    for sign in SIGN.finditer(pattern):
        parts += [re.escape(pattern[behind : sign.start()]), SIGNS[sign[0]]]
        behind = sign.end()
    return re.compile("".join((*parts, re.escape(pattern[behind:]))), re.DOTALL)

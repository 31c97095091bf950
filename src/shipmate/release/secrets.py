"""Keys that must not leave the house in a release: those that the stack names, and what looks like one."""

import re
from collections.abc import Iterator, Mapping

from shipmate.errors import Problem

__all__ = ["leaks"]

# A shorter value of a variable may be a word that stands in any text.
LEAST_CHARS = 8
# How keys begin that programs are given; none of them is a word.
LIKE_KEYS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    rb"|\bed25519-secret:[0-9a-f]{16}"
    rb"|\b(?:sk-(?:[a-z]+-)?|sk_live_|rk_live_|gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-)[A-Za-z0-9_-]{20,}"
    rb"|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b"
    rb"|\bBearer [A-Za-z0-9._~+/-]{20,}"
)


def leaks(files: Mapping[str, bytes], known: Mapping[str, str]) -> Iterator[Problem]:
    """Yield where keys stand in files, without saying them; `known` are the values of variables that hold keys."""
    for name, content in files.items():
        for variable, value in known.items():
            at = content.find(value.encode()) if len(value) >= LEAST_CHARS else -1
            if at >= 0:
                yield _problem(name, content, at, f"This is what the environment variable {variable} holds.")
        if found := LIKE_KEYS.search(content):
            yield _problem(name, content, found.start(), "This looks like a key.")


def _problem(name: str, content: bytes, at: int, what: str) -> Problem:
    do = (
        "Take it out, and make a new key: who has the release has this one. In stack.yml, name an environment variable."
    )
    return Problem(file=name, line=content.count(b"\n", 0, at) + 1, what=what, do=do)

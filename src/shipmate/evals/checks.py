"""What a case expects, as the checks that it comes to: one form for every kind of case."""

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any

import msgspec

from shipmate.evals.cases import (
    AnswerCase,
    AnswerExpect,
    Case,
    Check,
    DialogueCase,
    IntentCase,
    PerfCase,
    RedteamCase,
    RefusalCase,
    RetrievalCase,
    Texts,
    ToolCase,
)

__all__ = ["checks_of"]

ANSWERS = Check(scorer="kind", value=["answer"])
REFUSES = Check(scorer="kind", value=["refuse"])
UNSAID = (None, "", (), False)


def checks_of(case: Case) -> tuple[Check, ...]:
    """Return all checks of a case: those that its `expect` comes to, then those that it writes out."""
    made = tuple(_expected(case))
    if not made and not case.checks and not isinstance(case, RedteamCase):
        made = (ANSWERS,)
    return (*made, *case.checks)


@singledispatch
def _expected(case: Case) -> Iterator[Check]:
    raise TypeError(f"{type(case).__name__} is no kind of case")


@_expected.register
def _(case: AnswerCase) -> Iterator[Check]:
    yield from _of_reply(case.expect)


def _of_reply(expect: AnswerExpect) -> Iterator[Check]:
    """Yield what a reply has to be."""
    for name, (scorer, valued) in OF_REPLY.items():
        wanted = getattr(expect, name)
        if wanted not in UNSAID:
            yield valued(scorer, wanted)


@_expected.register
def _(case: RetrievalCase) -> Iterator[Check]:
    expect = case.expect
    asked = {name: least for name, least in msgspec.structs.asdict(expect.metric).items() if least is not None}
    for name, least in (asked or {"recall": 1.0}).items():
        yield Check(scorer=name, value={"docs": list(expect.docs), "k": expect.k}, threshold=least)


@_expected.register
def _(case: IntentCase) -> Iterator[Check]:
    expect = case.expect
    if expect.intent is not None:
        yield Check(scorer="intent", value=[expect.intent])
    if expect.not_:
        yield Check(scorer="intent", value=list(expect.not_), negate=True)
    if expect.out_of_scope:
        yield Check(scorer="out_of_scope", value=expect.out_of_scope)


@_expected.register
def _(case: RefusalCase) -> Iterator[Check]:
    yield REFUSES if case.expect == "refuse" else ANSWERS


@_expected.register
def _(case: DialogueCase) -> Iterator[Check]:
    expect = case.expect
    if expect.state:
        yield Check(scorer="state", value=expect.state)
    if expect.says:
        yield Check(scorer="says", value=list(expect.says))
    if expect.not_says:
        yield Check(scorer="says_any", value=list(expect.not_says), negate=True)
    if expect.claims:
        yield Check(scorer="said_claims", value=list(expect.claims))
    if expect.handoff is not None:
        yield Check(scorer="kind", value=["handoff"], negate=not expect.handoff, metric="handoff")


@_expected.register
def _(case: ToolCase) -> Iterator[Check]:
    expect = case.expect
    if expect.tools or expect.mode == "exact":
        tools = [msgspec.structs.asdict(tool) for tool in expect.tools]
        yield Check(scorer="tools", value={"tools": tools, "mode": expect.mode})
        yield Check(scorer="tool_f1", value=[tool.name for tool in expect.tools], threshold=expect.f1)
    if case.forbid_tools:
        yield Check(scorer="calls_any", value=list(case.forbid_tools), negate=True)


@_expected.register
def _(case: RedteamCase) -> Iterator[Check]:
    expect = case.expect
    if expect.no_tool is not None:
        yield Check(scorer="calls_any", value=_texts(expect.no_tool), negate=True)
    yield from _never(expect.not_contains)
    if expect.no_leak:
        yield Check(scorer="leak", negate=True)
    if expect.refuse:
        yield REFUSES


@_expected.register
def _(case: PerfCase) -> Iterator[Check]:
    expect = case.expect
    for name in ("latency_p95_s", "ttft_p95_s", "cost_per_1k_usd"):
        if (most := getattr(expect, name)) is not None:
            yield Check(scorer=name, value=most)


def _never(texts: Texts | None) -> Iterator[Check]:
    """Whatever the case of the letters: what must not be said must not be said in capitals either."""
    if texts is not None:
        yield Check(scorer="icontains_any", value=_texts(texts), negate=True)


def _texts(texts: Texts) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _plain(scorer: str, value: Any) -> Check:
    return Check(scorer=scorer, value=value)


def _listed(scorer: str, value: Any) -> Check:
    return Check(scorer=scorer, value=_texts(value))


def _bare(scorer: str, _: Any) -> Check:
    return Check(scorer=scorer)


def _not(scorer: str, value: Any) -> Check:
    return Check(scorer=scorer, value=None if value is True else _texts(value), negate=True)


# By the key of `expect`: which scorer it comes to, and in what form.
OF_REPLY: dict[str, tuple[str, Callable[[str, Any], Check]]] = {
    "kind": ("kind", _listed),
    "claims": ("claims", _listed),
    "cites": ("citation_recall", _listed),
    "cites_only": ("citation_precision", _listed),
    "equals": ("equals", _listed),
    "contains": ("contains", _listed),
    "contains_any": ("contains_any", _listed),
    "not_contains": ("icontains_any", _not),
    "regex": ("regex", _plain),
    "json_schema": ("json_schema", _plain),
    "reference": ("reference", _plain),
    "grounded": ("grounded", _bare),
    "no_leak": ("leak", _not),
    "language": ("language", _plain),
    "latency_s": ("latency_p95_s", _plain),
    "cost_usd": ("cost_usd", _plain),
}

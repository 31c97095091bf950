"""What search, graph and explain print."""

import textwrap
from collections.abc import Iterable, Sequence

from shipmate.cli.screen import say, terminal
from shipmate.messages import Hit, Scored, Trace
from shipmate.neighbourhood import Neighbourhood, Way, Where

__all__ = ["show_hits", "show_neighbours", "show_relations", "show_trace", "show_way"]

EXCERPT_CHARS = 300
INDENT = "   "


def show_hits(hits: Sequence[Hit]) -> None:
    """Print passages with their scores."""
    if not hits:
        say("Nothing found.")
    for number, hit in enumerate(hits, 1):
        passage = hit.passage
        legs = ", ".join(f"{leg} {score:.3f}" for leg, score in sorted(hit.legs.items()))
        path = " > ".join((passage.title, *passage.headings))
        say((f"{number}.", "cyan"), f" {path}  ", (f"{hit.score:.3f} ({legs})", "dim"))
        say((f"{INDENT}{passage.source}, characters {passage.start}-{passage.end}", "dim"))
        say(_excerpt(passage.text))


def _excerpt(text: str) -> str:
    """Return the beginning of a passage, in lines that break between words where somebody looks."""
    excerpt = textwrap.shorten(text, EXCERPT_CHARS, placeholder=" ...")
    console = terminal()
    width = console.width if console else EXCERPT_CHARS + len(INDENT)
    return textwrap.fill(excerpt, width, initial_indent=INDENT, subsequent_indent=INDENT)


def show_relations(found: Neighbourhood, limit: int) -> None:
    """Print what is said of a name, and the passages about it."""
    say((found.about, "bold"))
    for relation in found.relations[:limit]:
        say((relation.subject, "cyan"), f" {relation.relation} ", (relation.object, "cyan"))
        _say_where(relation.where)
    for near in found.passages[:limit]:
        if not near.where.line:
            path = " > ".join((near.where.title, *near.headings))
            say((f"{near.number}.", "cyan"), f" {path}  ", (", ".join(near.kinds), "dim"))
            _say_where(near.where)


def show_neighbours(found: Neighbourhood) -> None:
    """Print the names beside a name, each with a sentence that names it."""
    if not found.entities:
        say("No other name stands beside it.")
    for entity in found.entities:
        mention = entity.mentions[0]
        say((entity.name, "cyan"), (f"  {', '.join(mention.kinds)}", "dim"))
        _say_where(mention.where)


def show_way(way: Way) -> None:
    """Print a way, one step after the other."""
    if not way.legs:
        say("No way leads from one to the other.")
    for leg in way.legs:
        say((leg.start, "cyan"), " → ", (leg.end, "cyan"))
        _say_where(leg.where)


def _say_where(where: Where) -> None:
    place = f"line {where.line}" if where.line else f"characters {where.start}-{where.end}"
    say((f"{INDENT}{where.source}, {place}", "dim"))
    say(_excerpt(where.quote))


def show_trace(trace: Trace) -> None:
    """Print why a turn ended as it did."""
    reply = trace.reply
    say(("Question  ", "bold"), trace.question)
    if trace.standalone != trace.question:
        say(("Taken as  ", "bold"), trace.standalone)
    say(("Intent    ", "bold"), _intent(trace))
    say(("Reply     ", "bold"), f"{reply.kind}, confidence {reply.confidence:.2f}, release {reply.release}")
    if trace.fault:
        say(("Fault     ", "bold"), (trace.fault, "red"))
    if trace.passages:
        say(("\nPassages", "bold"))
        _table(_passages(trace))
    if trace.cuts:
        say(("\nCut", "bold"))
    for cut in trace.cuts:
        say(f"  {cut.rule}: {cut.text!r}", (f"  {cut.reason}", "dim"))
    say(("\nTime", "bold"))
    _table((f"{step.ms:.3f} ms", step.name) for step in trace.steps)


def _intent(trace: Trace) -> str:
    route = trace.route
    if route.out_of_scope:
        return f"out of scope: {route.out_of_scope} ({route.confidence:.2f})"
    return f"{route.intent} ({route.confidence:.2f})" if route.intent else "none of the charter's"


def _passages(trace: Trace) -> Iterable[Sequence[str]]:
    """Yield a row for each passage: its scores, its citations, its place."""
    legs = sorted({leg for passage in trace.passages for leg in passage.legs})
    yield "score", *legs, "cited", "passage: file, characters"
    for passage in trace.passages:
        scores = [f"{passage.legs[leg]:.3f}" if leg in passage.legs else "" for leg in legs]
        place = f"{passage.source}, {passage.start}-{passage.end}"
        yield f"{passage.score:.3f}", *scores, _numbers(passage, trace), place


def _numbers(passage: Scored, trace: Trace) -> str:
    """Return the numbers of the citations that lie in the passage."""
    return "".join(
        f"[{number}]"
        for number, citation in enumerate(trace.reply.citations, 1)
        if citation.source == passage.source and passage.start <= citation.start < passage.end
    )


def _table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns; figures are to be read from the right, and the last column takes what is left."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for *figures, last in table:
        say("  ", *(f"{figure:>{width}}  " for figure, width in zip(figures, widths, strict=False)), last)

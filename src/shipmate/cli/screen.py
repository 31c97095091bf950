"""What the terminal shows: colour only for people, plain text for pipes."""

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from shipmate.errors import ProjectError, ShipmateError
from shipmate.knowledge.ingest import IngestProgress
from shipmate.messages import Citation, Hit, Trace

__all__ = ["complain", "console", "error_console", "progress_bar", "show_citations", "show_hits", "show_trace"]

error_console = Console(stderr=True, highlight=False)
console = Console(highlight=False)


def complain(error: ShipmateError) -> None:
    """Print an error on standard error: what happened, then what to do."""
    if isinstance(error, ProjectError):
        for problem in error.problems:
            colour = "yellow" if problem.warning else "red"
            error_console.print(f"[{colour}]{escape(str(problem))}[/]", soft_wrap=True)
        return
    error_console.print(f"[red]{escape(error.what)}[/]", soft_wrap=True)
    if error.do:
        error_console.print(f"  -> {escape(error.do)}", soft_wrap=True)


def show_citations(citations: tuple[Citation, ...]) -> None:
    """Print the numbered sources of a reply."""
    for number, citation in enumerate(citations, 1):
        place = f"{citation.source}, characters {citation.start}-{citation.end}"
        console.print(f"[cyan][{number}][/] {escape(citation.title)}  [dim]{escape(place)}[/]", soft_wrap=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[IngestProgress], None]]:
    """Show how far an ingest is, on standard error: a bar for people, nothing for pipes."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error_console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=None)

        def show(progress: IngestProgress) -> None:
            bar.update(task, completed=progress.done, total=progress.total)

        yield show


def show_hits(hits: Sequence[Hit]) -> None:
    """Print passages with their scores."""
    if not hits:
        console.print("Nothing found.")
    for number, hit in enumerate(hits, 1):
        passage = hit.passage
        legs = ", ".join(f"{leg} {score:.3f}" for leg, score in sorted(hit.legs.items()))
        path = " > ".join((passage.title, *passage.headings))
        console.print(f"[cyan]{number}.[/] {escape(path)}  [dim]{hit.score:.3f} ({legs})[/]", soft_wrap=True)
        console.print(f"   [dim]{escape(passage.source)}, characters {passage.start}-{passage.end}[/]", soft_wrap=True)
        console.print(escape(textwrap.indent(textwrap.shorten(passage.text, 300), "   ")), soft_wrap=True)


def show_trace(trace: Trace) -> None:
    """Print why a turn ended as it did."""
    reply = trace.reply
    console.print(f"[bold]{escape(trace.question)}[/]")
    if trace.standalone != trace.question:
        console.print(f"understood as: {escape(trace.standalone)}")
    route = trace.route.intent or (trace.route.out_of_scope and f"out of scope: {trace.route.out_of_scope}") or "none"
    console.print(f"intent: {escape(route)} ({trace.route.confidence:.2f})")
    console.print(f"reply: {reply.kind}, confidence {reply.confidence:.2f}, release {reply.release}")
    if trace.fault:
        console.print(f"fault: {escape(trace.fault)}")
    console.print(_passages(trace))
    for cut in trace.cuts:
        console.print(f"cut by rule {cut.rule!r} ({escape(cut.reason)}): {escape(cut.text)}")
    console.print(_steps(trace))


def _passages(trace: Trace) -> Table:
    legs = sorted({leg for passage in trace.passages for leg in passage.legs})
    table = Table("passage", *legs, "score", "cited", title="passages", title_justify="left")
    for passage in trace.passages:
        cited = any(
            citation.source == passage.source and passage.start <= citation.start < passage.end
            for citation in trace.reply.citations
        )
        scores = [f"{passage.legs[leg]:.3f}" if leg in passage.legs else "" for leg in legs]
        place = f"{passage.source}:{passage.start}-{passage.end}"
        table.add_row(escape(place), *scores, f"{passage.score:.3f}", "yes" if cited else "")
    return table


def _steps(trace: Trace) -> Table:
    table = Table("step", "ms", title="time", title_justify="left")
    for step in trace.steps:
        table.add_row(step.name, f"{step.ms:.3f}")
    return table

"""What a terminal shows: styles for people, plain text for pipes, and no control character of anybody's but ours."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from shipmate.errors import ProjectError, ShipmateError

if TYPE_CHECKING:
    from rich.console import Console

    from shipmate.knowledge.ingest import IngestProgress

__all__ = ["Span", "clean", "complain", "counting_bar", "progress_bar", "say", "say_json", "terminal"]

# A text, or a text with its style.
Span = str | tuple[str, str]

# Documents, models and file names must not steer the terminal: only lines and tabs are let through.
CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {ord("\n"), ord("\t")}, "\N{REPLACEMENT CHARACTER}")


def clean(text: str) -> str:
    """Return the text without control characters."""
    return text.translate(CONTROLS)


def say(*spans: Span, err: bool = False) -> None:
    """Print one line on standard output or standard error: styled on a terminal, plain elsewhere."""
    parts = [(clean(text), style) for text, style in ((s, "") if isinstance(s, str) else s for s in spans)]
    if console := terminal(err=err):
        from rich.text import Text

        console.print(Text.assemble(*parts), soft_wrap=True)
    else:
        print("".join(text for text, _ in parts), file=sys.stderr if err else sys.stdout, flush=True)


def say_json(value: Any) -> None:
    """Print a value as one line of JSON, in UTF-8 wherever it goes."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def complain(error: ShipmateError) -> None:
    """Print an error on standard error: what happened, then what to do."""
    if not isinstance(error, ProjectError):
        _complain(error.what, error.do, "red")
        return
    for problem in error.problems:
        what, _, _ = str(problem).partition("\n  -> ")
        _complain(what, problem.do, "yellow" if problem.warning else "red")


def _complain(what: str, do: str, style: str) -> None:
    say((what, style), f"\n  -> {do}" if do else "", err=True)


@cache
def _console(*, err: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=err, highlight=False, emoji=False)


def terminal(*, err: bool = False) -> "Console | None":
    """Return the terminal that a stream is shown on; None when a pipe or a file takes it."""
    stream = sys.stderr if err else sys.stdout
    return _console(err=err) if stream.isatty() else None


@contextmanager
def progress_bar() -> "Iterator[Callable[[IngestProgress], None]]":
    """Show on standard error how far an ingest is, how fast and how long it will take; nothing in a pipe."""
    console = terminal(err=True)
    if console is None:
        yield lambda _: None
        return
    from rich import progress
    from rich.filesize import decimal

    class Rate(progress.ProgressColumn):
        """Bytes a second, or passages."""

        def render(self, task: progress.Task) -> str:
            speed = task.finished_speed or task.speed or 0.0
            return f"{decimal(int(speed)) if task.fields['is_bytes'] else f'{speed:,.0f}'}/s"

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[done]}/{task.fields[files]}"),
        Rate(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, progress.TaskID] = {}

        def show(state: "IngestProgress") -> None:
            if state.step not in tasks:
                is_bytes = state.total_bytes != state.total
                tasks[state.step] = bar.add_task(state.step, total=None, done=0, files=0, is_bytes=is_bytes)
            bar.update(
                tasks[state.step],
                completed=state.done_bytes,
                total=state.total_bytes,
                done=state.done,
                files=state.total,
            )

        yield show


@contextmanager
def counting_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how much of something is done, and how long the rest will take; nothing in a pipe."""
    console = terminal(err=True)
    if console is None:
        yield lambda _done, _total: None
        return
    from rich import progress

    columns = (
        progress.TextColumn(title),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

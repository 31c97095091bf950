"""The command that puts two versions side by side: compare."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shipmate.cli.options import command, folder, index_first, json_option
from shipmate.cli.screen import counting_bar, say, say_json, terminal
from shipmate.errors import UsageError

if TYPE_CHECKING:
    from shipmate.comparing.versions import Candidate, Estimate, Questions
    from shipmate.config import Project
    from shipmate.release.compare import Comparison, Pair, Summary, Tally
    from shipmate.release.replay import Answered

__all__ = ["compare"]

SHOWN = 10
last_option = click.option(
    "--last", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many past questions."
)


@command("shipmate compare my-assistant --model extractive --last 50")
@folder
@click.option(
    "--model", default="", metavar="X", help="`extractive`, a model at stack.yml's server, or MODEL@BASE_URL."
)
@click.option("--release", default="", metavar="R", help="A built release.")
@click.option("--prompt", type=click.Path(path_type=Path), help="A file in the place of prompts/answer.md.")
@last_option
@click.option("--questions", type=click.Path(path_type=Path), help="Ask these instead: lines of text, or JSON lines.")
@click.option(
    "--judge",
    type=click.Choice(["offline", "model"]),
    default="offline",
    show_default=True,
    help="Who says which answer is better: the check that needs no model, or the model of stack.yml.",
)
@click.option("--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="How many side by side.")
@click.option("--markdown", is_flag=True, help="Print Markdown instead of text.")
@click.option("--yes", is_flag=True, help="Ask a model that costs money without asking back.")
@json_option
def compare(
    folder: Path,
    *,
    model: str,
    release: str,
    prompt: Path | None,
    last: int,
    questions: Path | None,
    judge: str,
    at_once: int,
    markdown: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Put a change beside what answers, on past questions.

    The candidate is the folder with another model or prompt, or a built release. Nothing is stored but the comparison,
    which the page /compare shows. Where nobody has asked anything yet, the charter's examples are taken. Ctrl-C keeps
    what is done by then. Words of others who gave no consent are counted, and never shown.
    """
    from shipmate.comparing.versions import Candidate, estimate, past_questions
    from shipmate.versions import unread

    candidate = Candidate(model=model, release=release, prompt=prompt)
    if bool(release) == bool(model or prompt):
        raise UsageError("Name one candidate.", do="Use --release R, or --model X, or --prompt FILE, or the last two.")
    project = index_first(folder)
    chosen = asyncio.run(past_questions(project, last, questions))
    if changed := unread(project):
        what = f"{len(changed)} documents have changed since they were read: the folder answers as it did before."
        say(
            (f"{what} `shipmate ingest {folder}` reads them; `shipmate impact` says what that changes.", "dim"),
            err=True,
        )
    by_model = judge == "model"
    _confirm(estimate(project, candidate, chosen, by_model=by_model), yes=yes)
    with counting_bar("Comparing") as told:
        found = asyncio.run(_compare(project, candidate, chosen, told, by_model=by_model, at_once=at_once))
    if as_json:
        say_json(_shown(found, chosen.origin))
    elif markdown:
        for line in _markdown(found, chosen.origin):
            say(line)
    else:
        _show(found, chosen.origin)


def _confirm(costs: "Estimate", *, yes: bool) -> None:
    """Tell what a model may cost; ask before it costs anything."""
    if not costs.calls:
        return
    price = f"at most ${costs.cost_usd:.2f}" if costs.cost_usd else "no price"
    told = f"{costs.calls} calls of a model, {costs.input_tokens + costs.output_tokens:,} tokens, {price}"
    if costs.has_unknown_price:
        told += "; stack.yml gives a model no price, so it may cost more"
    say((f"{told}.", "dim"), err=True)
    if costs.cost_usd and not yes:
        if terminal(err=True) is None:
            raise UsageError(f"This may cost up to ${costs.cost_usd:.2f}.", do="Say --yes, or ask fewer: --last 20.")
        click.confirm("Go on?", abort=True, err=True)


async def _compare(
    project: "Project",
    candidate: "Candidate",
    chosen: "Questions",
    told: Callable[[int, int], None],
    *,
    by_model: bool,
    at_once: int,
) -> "Comparison":
    from shipmate.comparing.versions import compare as compared

    with _stopping() as stop:
        return await compared(project, candidate, chosen, by_model=by_model, at_once=at_once, stop=stop, told=told)


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """Let the first Ctrl-C set an event, where the system can tell of it so; a second one ends the command."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def ask() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)


def _shown(found: "Comparison", origin: str) -> dict[str, object]:
    """Return what a program gets: figures, and the pairs whose words may be shown."""
    from shipmate.release.compare import summary

    return {
        "a": found.a,
        "b": found.b,
        "judge": found.judge,
        "origin": origin,
        "is_whole": found.is_whole,
        "of": found.questions,
        "summary": summary(found),
        "pairs": [pair for pair in found.pairs if pair.past.may_be_shown],
    }


def _rows(figures: "Summary") -> list[tuple[str, str, str]]:
    """Return what is told of both sides."""
    a, b = figures.a, figures.b
    preferred = figures.preferred if figures.judged else None
    return [
        ("answered by this one only", str(figures.answered.only_a), str(figures.answered.only_b)),
        ("preferred by the judge", *((str(preferred.only_a), str(preferred.only_b)) if preferred else ("?", "?"))),
        ("claims without a span", f"{a.unsupported} of {a.claims}", f"{b.unsupported} of {b.claims}"),
        ("failures of the model", str(a.faults), str(b.faults)),
        ("median, 95th percentile", f"{a.p50_ms:.1f}, {a.p95_ms:.1f} ms", f"{b.p50_ms:.1f}, {b.p95_ms:.1f} ms"),
        ("tokens", f"{a.input_tokens + a.output_tokens:,}", f"{b.input_tokens + b.output_tokens:,}"),
        ("cost", f"${a.cost_usd:.4f}", f"${b.cost_usd:.4f}"),
    ]


def _told(found: "Comparison", figures: "Summary", origin: str) -> list[str]:
    """Return the sentences that say what was found, and how sure that is."""
    share = figures.changed_share
    sure = f"; {_sure(figures.preferred)}" if figures.judged else ""
    lines = [
        f"A is {found.a}, B is {found.b}; {figures.questions} questions, {origin}.",
        f"{figures.changed} answers differ: {share.estimate:.1%}, 95 % interval {share.low:.1%} to {share.high:.1%}.",
        f"Which of the two answers: {_sure(figures.answered)}.",
        f"Judged by {found.judge}: it could tell {figures.judged} of {figures.questions}{sure}.",
    ]
    if not found.is_whole:
        lines.append(f"Stopped after {len(found.pairs)} of {found.questions} questions.")
    if figures.unshown:
        lines.append(f"{figures.unshown} that differ were asked by others without consent: their words are not shown.")
    return lines


def _sure(tally: "Tally") -> str:
    return f"{tally.only_a} for A alone, {tally.only_b} for B alone, McNemar's exact p {tally.p:.3f}"


def _show(found: "Comparison", origin: str) -> None:
    from shipmate.release.compare import summary

    figures = summary(found)
    for line in _told(found, figures, origin):
        say(line)
    _table(figures)
    changed = [pair for pair in found.pairs if pair.is_changed and pair.past.may_be_shown]
    for number, pair in enumerate(changed[:SHOWN], 1):
        say((f"{number}.", "cyan"), f" {pair.past.question.standalone}")
        _say_answer("A", pair.a, better=pair.verdict == "a")
        _say_answer("B", pair.b, better=pair.verdict == "b")
    if len(changed) > SHOWN:
        say((f"{len(changed) - SHOWN} more: see the page /compare, or --json.", "dim"))


def _table(figures: "Summary") -> None:
    console = terminal()
    if console is None:
        for name, a, b in _rows(figures):
            say(f"  {name:26} A {a:16} B {b}")
        return
    from rich.table import Table

    table = Table("", "A", "B", box=None)
    for row in _rows(figures):
        table.add_row(*row)
    console.print(table)


def _say_answer(side: str, answer: "Answered", *, better: bool) -> None:
    sources = ", ".join(dict.fromkeys(cited.source for cited in answer.citations))
    told = f"{answer.kind}{f', {sources}' if sources else ''}{', preferred' if better else ''}"
    say((f"   {side} {told}", "dim"))
    say(f"     {' '.join(answer.text.split())}")


def _markdown(found: "Comparison", origin: str) -> Iterator[str]:
    from shipmate.evals.inert import inert
    from shipmate.release.compare import summary

    figures = summary(found)
    yield "# Comparison\n"
    for line in _told(found, figures, origin):
        yield f"- {inert(line)}"
    yield "\n| | A | B |\n| --- | --- | --- |"
    for row in _rows(figures):
        yield f"| {' | '.join(row)} |"
    for pair in found.pairs:
        if pair.is_changed and pair.past.may_be_shown:
            yield from _section(pair)


def _section(pair: "Pair") -> Iterator[str]:
    from shipmate.evals.inert import inert

    yield f"\n## {inert(pair.past.question.standalone)}\n"
    for side, answer in (("A", pair.a), ("B", pair.b)):
        better = ", preferred" if pair.verdict == side.lower() else ""
        yield f"**{side}** ({answer.kind}{better})\n"
        yield "\n".join(f"> {inert(line)}" for line in answer.text.splitlines() or [""])
        yield ""

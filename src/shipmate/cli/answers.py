"""Commands that ask: ask, search, explain."""

import asyncio
import shlex
from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first, json_option, question_first, release_option
from shipmate.cli.reports import show_hits, show_trace
from shipmate.cli.screen import say, say_json, terminal
from shipmate.cli.turns import print_turn, show_citations
from shipmate.config import Project
from shipmate.messages import LOCAL, Ask, Reply

__all__ = ["ask", "explain", "search"]


@command("shipmate ask 'How do I add documents?' my-assistant")
@click.argument("question", help="What you want to know.")
@folder
@json_option
@click.option("--conversation", default="", metavar="ID", help="Go on with this conversation.")
@release_option
def ask(question: str, folder: Path, *, as_json: bool, conversation: str, release: str) -> None:
    """Answer one question, with citations, and exit.

    Where nothing was ingested yet, the documents are read first. Works while the assistant is serving.
    """
    question_first(question, folder)
    project = index_first(folder)
    reply = asyncio.run(_ask(project, Ask(text=question, conversation_id=conversation), release, shown=not as_json))
    if as_json:
        say_json(reply)
        return
    show_citations(reply)
    if terminal():
        say((f"Why this answer: {shlex.join(('shipmate', 'explain', reply.turn_id, str(folder)))}", "dim"))


async def _ask(project: Project, ask: Ask, release: str, *, shown: bool) -> Reply:
    meant = bootstrap.meant_release(project, release)
    async with bootstrap.open_assistant(project, shared=False, release=meant) as assistant:
        return await print_turn(assistant, ask, shown=shown)


@command("shipmate search 'api key' my-assistant")
@click.argument("words", help="What to look for.")
@folder
@click.option("--limit", type=click.IntRange(1, 100), default=8, show_default=True, help="How many passages.")
@release_option
@json_option
def search(words: str, folder: Path, *, limit: int, release: str, as_json: bool) -> None:
    """Show the passages that a question finds, with scores."""
    question_first(words, folder)
    project = index_first(folder)
    meant = bootstrap.meant_release(project, release)
    hits = asyncio.run(bootstrap.search(project, words, limit, release=meant))
    if as_json:
        say_json(hits)
    else:
        show_hits(hits)


@command("shipmate explain 01KAP3W8Z5Q7T2N4M6R8V0X1Y3 my-assistant")
@click.argument("turn", help="The turn_id of a reply.")
@folder
@json_option
def explain(turn: str, folder: Path, *, as_json: bool) -> None:
    """Tell why a turn ended as it did.

    Shows the intent, each passage with its scores, what was cut and by which rule, and the time of each step.
    """
    trace = asyncio.run(bootstrap.trace(bootstrap.load(folder), turn, LOCAL))
    if as_json:
        say_json(trace)
    else:
        show_trace(trace)

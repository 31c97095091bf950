"""Commands that ask: ask, chat, search, explain."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from shipmate import bootstrap
from shipmate.cli.options import Folder, Json, index_first
from shipmate.cli.screen import complain, console, show_citations, show_hits, show_trace
from shipmate.config import Project
from shipmate.errors import ShipmateError
from shipmate.messages import Ask, Card, Finished, Reply, ReplyKind, Token
from shipmate.turn import Assistant

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command(epilog="Example: `shipmate ask 'How do I add documents?' my-assistant`")(ask)
    app.command(epilog="Example: `shipmate chat my-assistant`")(chat)
    app.command(epilog="Example: `shipmate search 'api key' my-assistant`")(search)
    app.command(epilog="Example: `shipmate explain 01K... my-assistant`")(explain)


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    folder: Folder = Path(),
    *,
    json: Json = False,
    conversation: Annotated[str, typer.Option(help="Continue this conversation.")] = "",
) -> None:
    """Answer one question from the documents, with citations, and exit."""
    project = index_first(folder)
    reply = asyncio.run(_ask_once(project, Ask(text=question, conversation_id=conversation), quiet=json))
    if json:
        typer.echo(msgspec.json.encode(reply).decode())
    else:
        show_citations(reply.citations)


async def _ask_once(project: Project, ask: Ask, *, quiet: bool) -> Reply:
    async with bootstrap.open_assistant(project) as assistant:
        return await _print_turn(assistant, ask, quiet=quiet)


async def _print_turn(assistant: Assistant, ask: Ask, *, quiet: bool = False) -> Reply:
    """Print the reply as it comes; return it whole."""
    async for event in assistant.turn(ask):
        match event:
            case Token() | Card() if not quiet:
                sys.stdout.write(event.text)
                sys.stdout.flush()
            case Finished(reply=reply):
                if not quiet:
                    sys.stdout.write("\n\n" if reply.citations else "\n")
                return reply
    raise AssertionError("a turn ends with Finished")


def chat(folder: Folder = Path()) -> None:
    """Talk with the assistant; follow-up questions are understood."""
    project = index_first(folder)
    asyncio.run(_chat(project))


async def _chat(project: Project) -> None:
    async with bootstrap.open_assistant(project) as assistant:
        console.print(f"[bold]{escape(assistant.name)}[/]  {escape(assistant.disclosure)}")
        console.print("[dim]/new starts over, /why explains the last answer, /quit or Ctrl-D leaves[/]\n")
        last: Reply | None = None
        while (line := await _read_line()) is not None:
            try:
                last = await _chat_line(assistant, line, last)
            except ShipmateError as error:
                complain(error)


async def _read_line() -> str | None:
    """Return what the person typed, or None when they leave."""
    try:
        line = (await asyncio.to_thread(input, "> ")).strip()
    except EOFError:
        return None
    return None if line in {"/quit", "/exit"} else line


async def _chat_line(assistant: Assistant, line: str, last: Reply | None) -> Reply | None:
    """Carry one line out; return the reply that a follow-up refers to."""
    match line:
        case "":
            return last
        case "/new":
            console.print("[dim]a new conversation[/]")
            return None
        case "/why":
            if last and last.turn_id:
                show_trace(await assistant.trace(last.turn_id, "local"))
            return last
    reply = await _print_turn(assistant, Ask(text=line, conversation_id=last.conversation_id if last else ""))
    show_citations(reply.citations)
    console.print()
    return last if reply.kind is ReplyKind.WAIT else reply


def search(
    words: Annotated[str, typer.Argument(help="What to look for.")],
    folder: Folder = Path(),
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many passages.")] = 8,
    json: Json = False,
) -> None:
    """Show the passages that a question finds, with their scores."""
    hits = bootstrap.search(index_first(folder), words, limit)
    if json:
        typer.echo(msgspec.json.encode(hits).decode())
    else:
        show_hits(hits)


def explain(
    turn: Annotated[str, typer.Argument(help="The turn_id of a reply.")],
    folder: Folder = Path(),
    *,
    json: Json = False,
) -> None:
    """Tell why a turn ended as it did: intent, passages with scores, what was cut, time per step."""
    trace = asyncio.run(bootstrap.trace(bootstrap.load(folder), turn, "local"))
    if json:
        typer.echo(msgspec.json.encode(trace).decode())
    else:
        show_trace(trace)

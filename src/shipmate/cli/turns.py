"""A turn on the command line: its reply as it comes, and its sources."""

from contextlib import aclosing

from shipmate.cli.prose import Prose
from shipmate.cli.screen import say
from shipmate.messages import Ask, Finished, Reply, Token
from shipmate.turn import Assistant

__all__ = ["print_turn", "show_citations"]


async def print_turn(assistant: Assistant, ask: Ask, *, shown: bool = True) -> Reply:
    """Run a turn and print its reply as it comes; return it whole."""
    with Prose() as prose:
        async with aclosing(assistant.turn(ask)) as events:
            async for event in events:
                match event:
                    case Token() if shown:
                        prose.write(event.text)
                    case Finished():
                        return event.reply
    raise AssertionError("a turn ends with Finished")


def show_citations(reply: Reply) -> None:
    """Print the numbered sources of a reply below it."""
    if reply.citations:
        say()
    for number, citation in enumerate(reply.citations, 1):
        place = f"{citation.source}, characters {citation.start}-{citation.end}"
        say((f"[{number}]", "cyan"), f" {citation.title}  ", (place, "dim"))

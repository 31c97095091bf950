"""Commands that look around in the graph of the documents: show, neighbours, path."""

from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first, json_option
from shipmate.cli.reports import show_neighbours, show_relations, show_way
from shipmate.cli.screen import say_json

__all__ = ["graph"]

name_argument = click.argument("name", help="A name as a document writes it, a symbol of code, or a document's path.")
limit_option = click.option(
    "--limit", type=click.IntRange(1, 100), default=14, show_default=True, help="How many at most."
)


@command("shipmate graph show Charter my-assistant")
@name_argument
@folder
@limit_option
@json_option
def show(name: str, folder: Path, *, limit: int, as_json: bool) -> None:
    """Show what is said of a name, and the passages about it.

    Each relation stands beside the sentence, table row or declared line that states it.
    """
    found = bootstrap.neighbourhood(index_first(folder), name, limit)
    if as_json:
        say_json(found)
    else:
        show_relations(found, limit)


@command("shipmate graph neighbours Charter my-assistant")
@name_argument
@folder
@limit_option
@json_option
def neighbours(name: str, folder: Path, *, limit: int, as_json: bool) -> None:
    """Show the names that stand in one passage with this one.

    The most telling come first, each with a sentence that names it.
    """
    found = bootstrap.neighbourhood(index_first(folder), name, limit)
    if as_json:
        say_json(found.entities)
    else:
        show_neighbours(found)


@command("shipmate graph path Charter Passage my-assistant")
@name_argument
@click.argument("other", help="The name to which it may lead.")
@folder
@json_option
def path(name: str, other: str, folder: Path, *, as_json: bool) -> None:
    """Show the shortest way from one name to another.

    It goes from passage to passage: each one names where it comes from and where it leads.
    """
    way = bootstrap.way(index_first(folder), name, other)
    if as_json:
        say_json(way)
    else:
        show_way(way)


@click.group(
    commands={command.name or "": command for command in (show, neighbours, path)},
    epilog="\b\nExample:\n  shipmate graph show Charter my-assistant",
)
def graph() -> None:
    """Look around in the graph of the documents.

    Names, the passages that name them, and what is said of both. Shows what the groups of `local` may see.
    """

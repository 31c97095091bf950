"""Commands that repair the search: block, unblock."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first, json_option
from shipmate.cli.screen import say, say_json
from shipmate.curation import CURATION, Change
from shipmate.messages import LOCAL

if TYPE_CHECKING:
    from shipmate.curator import Effect, Shown

__all__ = ["block", "unblock"]

PASSAGE = "A document as a citation names it, or SOURCE#start-end for what stands there, in characters."
NAMED = 3
dry_run = click.option("--dry-run", is_flag=True, help="Only tell which of the last 200 questions would change.")


@command("shipmate block knowledge.md#120-480 my-assistant --reason 'Out of date.'")
@click.argument("passage", help=PASSAGE)
@folder
@click.option("--reason", default="", metavar="TEXT", help="Why, for whoever reads curation.yml.")
@dry_run
@json_option
def block(passage: str, folder: Path, *, reason: str, dry_run: bool, as_json: bool) -> None:
    """Hide a document or a passage from everybody, at once.

    Adds a line to curation.yml. A running server heeds it from the next question on: what is blocked is not found,
    quoted, cited or shown, whatever is asked. Verbatim answers of the FAQ stay.
    """
    _repair(Change(action="block", passage=passage, reason=reason), folder, dry_run=dry_run, as_json=as_json)
    if not dry_run and not as_json:
        say(f"Blocked {passage}. To take it back: shipmate unblock {passage!r}")


@command("shipmate unblock knowledge.md#120-480 my-assistant")
@click.argument("passage", help="As the line in curation.yml names it.")
@folder
@dry_run
@json_option
def unblock(passage: str, folder: Path, *, dry_run: bool, as_json: bool) -> None:
    """Show again what was blocked, at once.

    Takes the line out of curation.yml.
    """
    _repair(Change(action="unblock", passage=passage), folder, dry_run=dry_run, as_json=as_json)
    if not dry_run and not as_json:
        say(f"{passage} is shown again.")


def _repair(change: Change, folder: Path, *, dry_run: bool, as_json: bool) -> None:
    effect = asyncio.run(_effect(change, folder, dry_run=dry_run))
    if as_json:
        say_json(effect)
    else:
        show_effect(effect, dry_run=dry_run)


async def _effect(change: Change, folder: Path, *, dry_run: bool) -> "Effect":
    async with bootstrap.open_house(index_first(folder), shared=False, release="") as house:
        effect = await house.curator.effect(change, LOCAL, sees_all=True)
        if not dry_run:
            house.curator.make(change, LOCAL, sees_all=True)
        return effect


def show_effect(effect: "Effect", *, dry_run: bool) -> None:
    """Print what a repair changes."""
    would = "would change" if dry_run else "change"
    count = len(effect.changed) + effect.unshown
    say(f"{count} of the last {effect.questions} questions {would}.")
    for number, changed in enumerate(effect.changed, 1):
        say((f"{number}.", "cyan"), f" {changed.question}")
        _show("before", changed.before)
        _show("after", changed.after)
    if effect.unshown:
        say(f"{effect.unshown} of them were asked by others without consent, so their words are not shown.")
    if dry_run:
        say((f"Nothing was saved: {CURATION} is as it was.", "dim"))


def _show(when: str, shown: "Shown") -> None:
    passages = ", ".join(shown.passages) or "nothing"
    say((f"   {when:7}", "dim"), passages)
    say(f"          {' '.join(shown.answer.split())}")

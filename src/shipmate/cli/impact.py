"""The command that tells which past answers an edit of documents changes: impact."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first, json_option
from shipmate.cli.screen import complain, counting_bar, say, say_json
from shipmate.errors import ShipmateError

if TYPE_CHECKING:
    from shipmate.config import Project
    from shipmate.release.impact.effect import Impact
    from shipmate.release.replay import Answered

__all__ = ["impact"]

SHOWN = 20


@command("shipmate impact my-assistant --watch")
@folder
@click.option("--release", default="", metavar="R", help="Compare with a built release, and not with the index.")
@click.option("--last", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many past questions.")
@click.option("--watch", is_flag=True, help="Go on, and tell of each edit, until Ctrl-C.")
@json_option
def impact(folder: Path, *, release: str, last: int, watch: bool, as_json: bool) -> None:
    """List the past answers that an edit of documents changes.

    Compares with what was read before, in a copy: nothing is written. The answers are quotes; an answer counts as
    another one when its kind, its text, or a citation's document or words differ. Only what an edit can touch is asked
    again; the rest is proven to stay as it is.
    """
    project = index_first(folder)
    try:
        asyncio.run(_impact(project, release, last, watch=watch, as_json=as_json))
    except KeyboardInterrupt:
        if not watch:
            raise


async def _impact(project: "Project", release: str, last: int, *, watch: bool, as_json: bool) -> None:
    from shipmate.comparing.edits import watching
    from shipmate.comparing.versions import past_questions

    questions = await past_questions(project, last)
    with counting_bar("Asking") as told:
        async with watching(project, questions, release, told=told) as edits:
            _tell(await edits.look(project), questions.origin, as_json=as_json)
            changes = bootstrap.changes(project.folder) if watch else iter(())
            await asyncio.to_thread(next, changes, None)
            while watch:
                await asyncio.to_thread(next, changes)
                try:
                    _tell(await edits.look(bootstrap.load(project.folder)), questions.origin, as_json=as_json)
                except ShipmateError as error:
                    # Whoever edits is not done yet.
                    complain(error)


def _tell(found: "Impact", origin: str, *, as_json: bool) -> None:
    shown = [moved for moved in found.moved if moved.past.may_be_shown]
    if as_json:
        unshown = len(found.moved) - len(shown)
        say_json(
            {
                "questions": found.questions,
                "asked_again": found.asked_again,
                "origin": origin,
                "changed": shown,
                "unshown": unshown,
            }
        )
        return
    say(
        f"{len(found.moved)} of {found.questions} answers change, {origin}."
        f" {found.asked_again} were asked again; the others cannot change."
    )
    for number, moved in enumerate(shown[:SHOWN], 1):
        say((f"{number}.", "cyan"), f" {moved.past.question.standalone}")
        _say("before", moved.before)
        _say("after", moved.after)
    if len(shown) > SHOWN:
        say((f"{len(shown) - SHOWN} more: see --json.", "dim"))
    if len(shown) < len(found.moved):
        say(f"{len(found.moved) - len(shown)} were asked by others without consent, so their words are not shown.")


def _say(when: str, answer: "Answered") -> None:
    say((f"   {when:7}", "dim"), f"{answer.kind}: {' '.join(answer.text.split())}")

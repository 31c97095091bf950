"""Commands with which people check what the journal says of conversations: audit list, audit label."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, json_option
from shipmate.cli.screen import say, say_json

__all__ = ["audit"]

YES_NO = click.Choice(["yes", "no"])
SHOWN = {True: "flagged", False: "not flagged", None: "not judged"}


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n  shipmate audit label 01JF3Z6Q8R2M4T6V8X0Z2B4D6F my-assistant --resolved yes --supported yes"
    " --rater ada",
)
@click.pass_context
def audit(context: click.Context) -> None:
    """Let people check what the journal says of conversations.

    Outcomes read from silence are too good, and a judge errs: what people find in a random sample corrects both.
    """
    if context.invoked_subcommand is None:
        context.invoke(listed, folder=Path(), as_json=False)


@command("shipmate audit list my-assistant")
@folder
@json_option
def listed(folder: Path, *, as_json: bool) -> None:
    """List what is to be read: ten of each day, drawn at random, and what the judge flagged.

    Of the last two weeks, the newest first; the same ones each time. Of the last trial, more: a verdict on it needs
    people's labels of what the judge flagged and of what it did not. `shipmate explain TURN` shows one.
    """
    from shipmate import reporting

    found = asyncio.run(reporting.audit(bootstrap.load(folder)))
    if as_json:
        say_json(found)
        return
    if not found:
        say("Nothing is to be audited: no conversation of the last two weeks has been over for half an hour.")
    for one in found:
        when = datetime.fromtimestamp(one.opened_at, UTC).strftime("%Y-%m-%d %H:%M")
        seen = f"read by {', '.join(one.raters)}" if one.raters else "not read yet"
        solved = "solved" if one.recorded else "not solved"
        say((one.turn_id, "cyan"), f"  {when}  {one.stratum}  {one.intent or 'no intent'}  ", end_of(solved, seen))
        say((f"   {SHOWN[one.is_flagged]}, drawn with probability {one.sampled_p:.3g}", "dim"))


def end_of(solved: str, seen: str) -> str:
    """Return what the journal has a conversation for, and who has read it."""
    return f"journal: {solved}; {seen}"


@command("shipmate audit label 01JF3Z6Q8R2M4T6V8X0Z2B4D6F my-assistant --resolved no --supported yes --rater ada")
@click.argument("turn", help="A turn that `shipmate audit` lists.")
@folder
@click.option("--resolved", type=YES_NO, required=True, help="Whether the first answer solved the problem.")
@click.option("--supported", type=YES_NO, required=True, help="Whether the documents bear out every claim in it.")
@click.option("--rater", required=True, metavar="NAME", help="Who says so: of each rater, the first word counts.")
def label(turn: str, folder: Path, *, resolved: str, supported: str, rater: str) -> None:
    """Record what somebody found who has read a conversation."""
    from shipmate import reporting

    asyncio.run(
        reporting.label(
            bootstrap.load(folder),
            turn,
            is_resolved=resolved == "yes",
            is_supported=supported == "yes",
            rater=rater,
        )
    )
    say(f"Recorded: {turn} resolved {resolved}, supported {supported}, by {rater}.")


listed.name = "list"
audit.add_command(listed)
audit.add_command(label)

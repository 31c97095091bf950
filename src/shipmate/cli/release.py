"""Commands about releases: build, diff, inspect, verify, releases, promote, rollback, key."""

import getpass
from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first, json_option
from shipmate.cli.screen import complain, say, say_json
from shipmate.errors import Damaged, ProjectError, UsageError

__all__ = ["build", "diff", "inspect", "key", "promote", "releases", "rollback", "verify"]

# So many documents are named that more people may see.
NAMED = 3

release = click.argument("release", help="A release's id or the beginning of it, or a file that holds one.")
by = click.option("--by", metavar="NAME", help="Who does it, for the journal; by default who is logged in.")
reason = click.option("--reason", default="", metavar="TEXT", help="Why, for the journal: a few words.")


@command("shipmate build my-assistant -o helper.release")
@folder
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the release to a file too, to promote it elsewhere.",
)
@click.option(
    "--eval",
    "report",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="The report of an evaluation of this very folder, which the release then carries.",
)
@json_option
def build(folder: Path, *, output: Path | None, report: Path | None, as_json: bool) -> None:
    """Build a release, which is signed and never changes.

    It holds charter, prompts, settings and documents as they are now. The same folder gives the same id and the same bytes. Errors of the charter, a frozen stack that was changed, and
    documents that were changed after the last ingest stop it, all at once. Nothing answers otherwise before
    `shipmate promote`.
    """
    from shipmate.cli.releases import show_built
    from shipmate.shipping.build import build as built_of

    built = built_of(index_first(folder), report=report, bundled=output)
    complain(ProjectError(built.warnings))
    if as_json:
        say_json(built)
    else:
        show_built(built, folder, output)


@command("shipmate diff 3f47a4969920 dev my-assistant")
@click.argument("before", help="A release's id, a file that holds one, or `dev`: the folder as it is.")
@click.argument("after", help="What to compare it with.")
@folder
@json_option
def diff(before: str, after: str, folder: Path, *, as_json: bool) -> None:
    """Show what is different between two releases.

    Settings, prompts, and documents passage by passage.
    """
    from shipmate.cli.releases import show_difference
    from shipmate.shipping.sides import diff as difference_of

    difference = difference_of(bootstrap.load(folder), before, after)
    if as_json:
        say_json(difference)
    else:
        show_difference(difference)


@command("shipmate inspect helper.release my-assistant")
@release
@folder
@json_option
def inspect(release: str, folder: Path, *, as_json: bool) -> None:
    """Show what a release consists of, and who has signed it.

    `shipmate verify` proves it.
    """
    from shipmate.cli.releases import show_inspected
    from shipmate.shipping.shelved import inspect as inspected_of

    inspected = inspected_of(bootstrap.load(folder, despite_problems=True), release)
    if as_json:
        say_json(inspected)
    else:
        show_inspected(inspected)


@command("shipmate verify helper.release my-assistant")
@release
@folder
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A public key to trust besides those in trusted_keys."
)
@json_option
def verify(release: str, folder: Path, *, keys: tuple[str, ...], as_json: bool) -> None:
    """Prove that a release is what was built and signed.

    Every file that is not is named. Of a release that stands here, its index is compared with its documents too.
    """
    from shipmate.shipping.shelved import examine

    found, wrong = examine(bootstrap.load(folder, despite_problems=True), release, keys=keys)
    if as_json:
        say_json({"release": found, "wrong": wrong})
    elif not wrong:
        say((found, "bold"), " is what was built and signed.")
    for fault in wrong if not as_json else ():
        say((fault, "red"))
    if wrong:
        raise click.exceptions.Exit(Damaged.exit_code)


@command("shipmate releases my-assistant")
@folder
@click.option("--delete", "unwanted", default="", metavar="ID", help="Delete a release that nothing needs.")
@click.option("--even-previous", is_flag=True, help="Delete it though `rollback` goes back to it.")
@json_option
def releases(folder: Path, *, unwanted: str, even_previous: bool, as_json: bool) -> None:
    """List the releases, and which one answers.

    It also says which one `shipmate rollback` goes back to.
    """
    from shipmate.cli.releases import show_releases
    from shipmate.shipping.shelved import delete
    from shipmate.shipping.shelved import releases as listed

    project = bootstrap.load(folder, despite_problems=True)
    if unwanted:
        say(f"Deleted {delete(project, unwanted, even_previous=even_previous)}.")
    elif as_json:
        say_json(listed(project))
    else:
        show_releases(listed(project))


@command("shipmate promote 3f47a4969920 my-assistant")
@release
@folder
@by
@reason
@json_option
def promote(release: str, folder: Path, *, by: str | None, reason: str, as_json: bool) -> None:
    """Let a release answer, also while serving.

    Running servers follow at once, and no turn is lost. It is proven first. A file's release is taken in when somebody trusted has signed it.
    """
    from shipmate.shipping.switch import promote as promoted

    switched = promoted(bootstrap.load(folder), release, by=by or _user(), reason=reason)
    if as_json:
        say_json(switched)
    elif switched.is_news:
        say((switched.live.release, "bold"), " answers now", _instead(switched.before.release), ".")
        _warn_of_others(folder, switched.live.release)
    else:
        say(f"{switched.live.release} answers already.")


@command("shipmate rollback my-assistant --reason 'wrong refund rule'")
@folder
@by
@reason
@json_option
def rollback(folder: Path, *, by: str | None, reason: str, as_json: bool) -> None:
    """Take back what was let to people last, also while serving.

    With a candidate on trial, the trial ends and what answered beside it answers everybody. Otherwise the release that
    answered before answers again; a second time goes forth again.
    """
    from shipmate.shipping.switch import rollback as rolled_back

    switched = rolled_back(bootstrap.load(folder, despite_problems=True), by=by or _user(), reason=reason)
    live, trial = switched.live.release or "The folder as it is", switched.before.trial
    if as_json:
        say_json(switched)
    elif trial:
        say((live, "bold"), f" answers everybody: the trial {trial.run} of {trial.release} has ended.")
    else:
        say((live, "bold"), " answers again", _instead(switched.before.release), ".")
        _warn_of_others(folder, switched.live.release)


@command("shipmate key my-assistant")
@folder
def key(folder: Path) -> None:
    """Print the public key of what is signed here.

    It belongs to releases and verdicts, and is made at the first call. Whoever shall trust them writes the line into `trusted_keys`, in the folder of their assistant. The key itself lies
    in .shipmate/signing.key; a build runner gets what that file holds as SHIPMATE_SIGNING_KEY.
    """
    print(bootstrap.public_key(bootstrap.load(folder, despite_problems=True)))  # noqa: T201 - for pipes


def _warn_of_others(folder: Path, release: str) -> None:
    """Say which documents the release shows that the folder has no more, or to people who may not see them there."""
    from shipmate.shipping.sides import returned, widened

    if not release:
        return
    try:
        project = bootstrap.load(folder)
        gone, wider = returned(project, release), widened(project, release)
    except ProjectError:
        what = "Whether this release shows more documents, or to more people, than the folder does cannot be told."
        complain(UsageError(what, do=f"The folder's files have problems: `shipmate check {folder}`."))
        return
    if gone:
        what = f"This release still shows {_named(gone)}, which the folder has no more."
        then = f"`shipmate releases {folder} --delete {release} --even-previous`"
        do = f"If that must not be seen, promote one without it, then {then}."
        complain(UsageError(what, do=do))
    if wider:
        what = f"This release shows {_named(wider)} to people who may not see it in the folder as it is."
        complain(
            UsageError(what, do=f"If they must not, block it for all releases: `shipmate block {wider[0]} {folder}`.")
        )


def _named(documents: list[str]) -> str:
    return ", ".join(documents[:NAMED]) + (", ..." if len(documents) > NAMED else "")


def _instead(release: str) -> str:
    return f" instead of {release or 'the folder as it is'}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""

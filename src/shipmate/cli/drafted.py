"""What was drafted from past tickets: what was read, what was found, and what is left for people to do."""

import shlex
from pathlib import Path

from shipmate.cli.screen import say
from shipmate.tickets.begin import Begun
from shipmate.tickets.draft import Draft
from shipmate.tickets.export import Export
from shipmate.tickets.study import Study

__all__ = ["tell_drafted"]

ROLES = {
    "question": "the question from",
    "body": "more of it from",
    "answer": "the answer from",
    "created": "the day from",
}


def tell_drafted(folder: Path, begun: Begun) -> None:
    """Print what has come of the tickets."""
    _read(begun.export)
    _found(begun.study, begun.export)
    _masked(begun.draft)
    _asked(begun.draft)
    say(f"Made {folder}. When you have reviewed the drafts:")
    say(f"  shipmate check {shlex.quote(str(folder))}")


def _read(export: Export) -> None:
    columns = export.columns
    named = [f"{words} `{name}`" for role, words in ROLES.items() if (name := getattr(columns, role))]
    if columns.people:
        named.append(f"names to mask from {', '.join(f'`{name}`' for name in columns.people)}")
    say(f"Read {export.rows:,} rows of {export.file}: {'; '.join(named)}.")
    if export.is_cut:
        say("  The file goes on, and the rest was not read.")
    if export.first_created:
        say(f"  Created from {export.first_created} to {export.last_created}.")
    if not columns.answer:
        say("  No column looks like an answer, so nothing was drafted for the FAQ. Name one: `--columns answer=NAME`.")


def _found(study: Study, export: Export) -> None:
    covered = sum(intent.count for intent in study.intents)
    say(
        f"{len(study.intents)} intents cover {covered / export.rows:.1%} of the rows. Set aside: {study.other:,} that fit "
        f"none, {export.small_talk:,} with greetings or thanks only, {export.empty:,} without a question."
    )
    for intent in study.intents:
        say(f"  {intent.count:7,}  {intent.name}: {intent.examples[0]}")
    if study.further:
        further = ", ".join(f"{name} ({count:,})" for name, count in study.further.items())
        say(f"  Also asked for, and more than a charter holds: {further}.")
    answers = sum(len(intent.seeds) for intent in study.intents)
    documents = sum(bool(intent.seeds) for intent in study.intents)
    say(f"Drafted {answers} answers into faq.yml, and {documents} documents into knowledge/.")


def _masked(draft: Draft) -> None:
    counts = ", ".join(f"{count} × {found}" for found, count in draft.masked.items())
    masked = f"Masked in the drafts: {counts}." if counts else "Nothing had to be masked in the drafts."
    say(f"{masked} Read them all the same: a name or street in running text is not recognised.")


def _asked(draft: Draft) -> None:
    say("Only a person can say:")
    for ask in draft.asks:
        say(f"  {ask.file}:{ask.line}: {ask.what}")

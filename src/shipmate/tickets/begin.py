"""Begin an assistant from an export of tickets: read it, study it, and write the drafts into a new folder."""

from collections.abc import Sequence
from pathlib import Path

from shipmate import starting
from shipmate.messages import Record
from shipmate.ports import Clock, Embedder
from shipmate.tickets.columns import chosen_columns
from shipmate.tickets.draft import Draft, draft
from shipmate.tickets.export import Export, Progress, read_export
from shipmate.tickets.study import Study, study

__all__ = ["Begun", "Progress", "begin"]


class Begun(Record, frozen=True, kw_only=True):
    """What past tickets have come to."""

    export: Export
    study: Study
    draft: Draft


async def begin(
    folder: Path,
    tickets: Path,
    columns: Sequence[str],
    clock: Clock,
    embedder: Embedder,
    *,
    reading: Progress,
    sorting: Progress,
) -> Begun:
    """Make a new assistant whose charter, FAQ and documents are drafts; `columns` are named as `role=column`.

    Raises `UsageError` when a file exists, `ProjectError` with the line of the export that does not read.
    """
    starter = starting.starter(folder, clock)
    starting.refuse_existing(folder, starter)
    export = read_export(tickets, chosen_columns(columns), reading)
    found = await study(export, embedder, sorting)
    drafted = draft(found, export, starter)
    starting.init(folder, clock, drafted.files)
    return Begun(export=export, study=found, draft=drafted)

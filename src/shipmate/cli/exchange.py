"""Commands that exchange cases with other tools: eval import, eval export."""

from collections.abc import Sequence
from pathlib import Path

import click

from shipmate.cli.options import command
from shipmate.cli.screen import complain, say
from shipmate.errors import Missing, Problem, ProjectError, UsageError

__all__ = ["export_cases", "import_cases"]

FORMATS = ("promptfoo", "inspect", "openai", "ragas", "deepeval", "tau2")
into = click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="FOLDER",
    help="The assistant's folder; by default this one.",
)


@command("shipmate eval import promptfooconfig.yaml --into my-assistant")
@click.argument("file", type=click.Path(path_type=Path), help="A suite of another tool.")
@into
@click.option("--from", "form", type=click.Choice(FORMATS), help="Whose suite it is; by default the file tells.")
def import_cases(file: Path, folder: Path, form: str | None) -> None:
    """Take up the cases of another tool's suite.

    Writes evals/NAME.jsonl, and never over a file. Whatever Shipmate does not score is named with its line, and stays
    in the case, so that an export gives it back: such a case may fail by the rest of it, and does not pass.
    """
    from shipmate.evals.exchange.formats import READERS, as_lines, detected

    if not file.is_file():
        raise Missing(f"There is no file {file}.", do="Name the suite.")
    if not folder.is_dir():
        raise Missing(f"There is no folder {folder}.", do="Name an assistant's folder: `--into FOLDER`.")
    imported = READERS[form or detected(file)](file)
    target = folder / "evals" / f"{file.stem}.jsonl"
    _write({target: as_lines(imported.cases)})
    _tell(imported.notes)
    say(f"Wrote {len(imported.cases)} cases to {target}; {_counted(imported.notes)}.")


@command("shipmate eval export my-assistant --to promptfoo --out suite")
@click.argument(
    "folder", type=click.Path(path_type=Path), default=Path(), help="The assistant's folder; by default this one."
)
@click.option("--to", "form", type=click.Choice(["promptfoo", "inspect"]), required=True, help="For which tool.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where to write.")
def export_cases(folder: Path, form: str, out: Path) -> None:
    """Give the cases of evals/ to another tool.

    Whatever that tool cannot score is named, and stands in the test's metadata, so that an import gives it back.
    """
    from shipmate.evals.exchange.formats import WRITERS
    from shipmate.evals.suite import read

    exported = WRITERS[form](read(folder).cases)
    _write({out / name: text for name, text in exported.files.items()})
    _tell(exported.notes)
    say(f"Wrote {', '.join(str(out / name) for name in exported.files)}; {_counted(exported.notes)}.")


def _write(files: dict[Path, str]) -> None:
    for path in files:
        if path.exists():
            raise UsageError(f"{path} exists already.", do="Move it, or name another place.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _tell(notes: Sequence[Problem]) -> None:
    if notes:
        complain(ProjectError(list(notes)))


def _counted(notes: Sequence[Problem]) -> str:
    return f"{len(notes)} things stand aside" if notes else "nothing stands aside"


import_cases.name = "import"
export_cases.name = "export"

"""Makes a new assistant that answers at once, from the starter that lies beside this file or from drafts."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template

from shipmate.errors import UsageError
from shipmate.ports import Clock
from shipmate.sources import EVALS, KNOWLEDGE
from shipmate.stack import refused

__all__ = ["init", "refuse_existing", "starter"]

STARTER = Path(__file__).with_name("starter")
PROMISE_DAYS = 180


def starter(folder: Path, clock: Clock) -> dict[str, str]:
    """Return the files of a new assistant that answers at once, by their path below its folder."""
    words = {
        "name": json.dumps(folder.resolve().name, ensure_ascii=False),
        "by": str(datetime.fromtimestamp(clock.now(), UTC).date() + timedelta(days=PROMISE_DAYS)),
    }
    return {
        file.relative_to(STARTER).as_posix(): Template(file.read_text(encoding="utf-8")).safe_substitute(words)
        for file in sorted(STARTER.rglob("*"))
        if file.is_file()
    }


def refuse_existing(folder: Path, files: Iterable[str]) -> None:
    """Raise `UsageError` when one of these files exists."""
    existing = [str(folder / file) for file in files if (folder / file).exists()]
    if existing:
        verb = "exists" if len(existing) == 1 else "exist"
        raise UsageError(f"{', '.join(existing)} {verb} already.", do="Name a new folder.")


def init(folder: Path, clock: Clock, drafts: Mapping[str, str] | None = None) -> list[Path]:
    """Make a new assistant that answers at once; return the files that were written.

    `drafts` go in the place of the starter's files. Raises `UsageError` when a file exists, and then writes none.
    """
    drafts = drafts or {}
    # Cases ask for what the starter's documents say.
    has_documents = any(name.startswith(f"{KNOWLEDGE}/") for name in drafts)
    left_out = (f"{KNOWLEDGE}/", f"{EVALS}/") if has_documents else ()
    kept = {name: text for name, text in starter(folder, clock).items() if not name.startswith(left_out)}
    files = {folder / name: text for name, text in sorted({**kept, **drafts}.items())}
    refuse_existing(folder, [*kept, *drafts])
    written: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise refused(path, error) from error
    return written

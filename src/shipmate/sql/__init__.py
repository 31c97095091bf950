"""Every SQL statement of the house: one file of named queries, and the numbered migrations that make the tables."""

import re
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from shipmate.errors import Damaged

__all__ = ["GRAPH_MIGRATIONS", "MIGRATIONS", "QUERIES", "Migration", "parse_queries"]

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step from a schema to the next; never edited once a release has applied it."""

    # From 1, without gaps.
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Return the fingerprint of the text, as the database keeps it."""
        return sha256(self.text.encode()).hexdigest()


def parse_queries(text: str) -> dict[str, str]:
    """Return the queries of a file by name, without their comments.

    Each begins with a line `-- name: ...`. Raises `Damaged` when a name comes twice or has no query.
    """
    _, *parts = NAME.split(text)
    queries: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        query = "\n".join(line for line in body.splitlines() if line and not line.startswith("--"))
        if not query or name in queries:
            raise Damaged(f"the query {name!r} is empty or named twice", do="reinstall shipmate")
        queries[name] = query
    return queries


def _migrations(folder: str) -> tuple[Migration, ...]:
    found = sorted(file.name for file in HOME.joinpath(folder).iterdir() if file.name.endswith(".sql"))
    return tuple(
        Migration(
            number=int(name[:4]),
            name=name.removesuffix(".sql"),
            text=HOME.joinpath(folder, name).read_text(encoding="utf-8"),
        )
        for name in found
    )


HOME = files("shipmate.sql")
QUERIES = parse_queries(HOME.joinpath("queries.sql").read_text(encoding="utf-8"))
MIGRATIONS = _migrations("migrations")
# The graph is a database of its own, in the folder of the index.
GRAPH_MIGRATIONS = _migrations("graph")

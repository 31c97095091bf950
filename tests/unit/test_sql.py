"""One file of named queries, and migrations in order."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shipmate
from shipmate.errors import Damaged
from shipmate.sql import MIGRATIONS, QUERIES, parse_queries

names = st.text(string.ascii_lowercase + "_", min_size=1)
lines = st.sampled_from(["SELECT 1", "FROM a", "WHERE b = :b;", "", "-- why it is so"])
bodies = st.lists(lines, min_size=1).filter(lambda body: any(line and not line.startswith("--") for line in body))


@given(st.dictionaries(names, bodies, min_size=1))
def test_a_file_gives_each_query_under_its_name_without_comments(file: dict[str, list[str]]) -> None:
    text = "-- what this file is\n" + "".join(
        f"-- name: {name}\n" + "\n".join(body) + "\n" for name, body in file.items()
    )
    wanted = {name: "\n".join(line for line in body if line and line[0] != "-") for name, body in file.items()}
    assert parse_queries(text) == wanted


@pytest.mark.parametrize("text", ["-- name: a\nSELECT 1\n-- name: a\nSELECT 2", "-- name: a\n-- nothing\n"])
def test_a_name_that_comes_twice_or_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(Damaged, match="'a'"):
        parse_queries(text)


def test_every_query_is_used_and_every_used_one_exists() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(shipmate.__file__).parent.rglob("*.py"))
    assert set(re.findall(r'QUERIES\["(\w+)"\]', sources)) == QUERIES.keys()


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    assert [step.number for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    assert all(step.name.startswith(f"{step.number:04d}_") for step in MIGRATIONS)
    assert len({step.checksum for step in MIGRATIONS}) == len(MIGRATIONS)

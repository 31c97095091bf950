"""Which column of an export is the question, which the answer: told by its name and by what stands in it."""

import re
from collections.abc import Mapping, Sequence

from shipmate.errors import UsageError
from shipmate.messages import Record
from shipmate.shape import did_you_mean
from shipmate.text import fold

__all__ = ["ROLES", "Columns", "Row", "chosen_columns", "find_columns"]

Row = Mapping[str, str]

# The names that helpdesks give to each role, the surest first; a longer name may end with one of them.
ROLES = {
    "question": (
        "question",
        "subject",
        "summary",
        "title",
        "short description",
        "query",
        "betreff",
        "frage",
        "sujet",
        "objet",
        "asunto",
        "pregunta",
    ),
    "body": (
        "body",
        "description",
        "description text",
        "first message",
        "customer message",
        "initial message",
        "message",
        "details",
        "content",
        "text",
        "comment body",
        "beschreibung",
        "nachricht",
        "descripcion",
        "mensaje",
    ),
    "answer": (
        "answer",
        "resolution notes",
        "resolution comment",
        "resolution",
        "solution",
        "close notes",
        "agent reply",
        "agent response",
        "last agent message",
        "last public comment",
        "latest comment",
        "first response",
        "response",
        "reply",
        "comment",
        "comments",
        "antwort",
        "losung",
        "reponse",
        "respuesta",
        "solucion",
    ),
    "created": (
        "created",
        "created at",
        "created time",
        "created on",
        "created date",
        "creation date",
        "opened",
        "opened at",
        "date",
        "timestamp",
        "erstellt",
        "erstellt am",
    ),
}
# Whose values are masked where they stand in the row's texts.
PEOPLE = (
    "requester",
    "requester name",
    "customer",
    "customer name",
    "user",
    "user name",
    "username",
    "full name",
    "first name",
    "last name",
    "name",
    "contact",
    "contact name",
    "reporter",
    "creator",
    "assignee",
    "agent",
    "agent name",
    "caller",
    "kunde",
    "kundin",
    "kundenname",
    "melder",
    "benutzer",
    "benutzername",
    "anforderer",
    "ansprechpartner",
    "bearbeiter",
    "vorname",
    "nachname",
    "client",
    "nom",
    "prenom",
    "demandeur",
    "cliente",
    "usuario",
    "nombre",
    "apellido",
    "solicitante",
)
# An answer's column has so many words to a cell; a state such as "Won't fix" has fewer.
FEWEST_ANSWER_WORDS = 4
NOT_NAME = re.compile(r"[^a-z0-9]+")


class Columns(Record, frozen=True, kw_only=True):
    """The names of the columns that are read; empty where there is none."""

    question: str = ""
    body: str = ""
    answer: str = ""
    created: str = ""
    people: tuple[str, ...] = ()


def chosen_columns(words: Sequence[str]) -> dict[str, str]:
    """Return the columns that a person has named as `role=column`."""
    chosen: dict[str, str] = {}
    for word in words:
        role, sign, column = word.partition("=")
        if not sign or not column.strip():
            raise UsageError(f"`{word}` names no column.", do="Write the role and the column: question=Subject.")
        if role.strip() not in ROLES:
            raise UsageError(f"`{role.strip()}` is nothing that a column can be.", do=did_you_mean(role, ROLES))
        chosen[role.strip()] = column.strip()
    return chosen


def find_columns(file: str, rows: Sequence[Row], chosen: Mapping[str, str]) -> Columns:
    """Return which column is what, by these first rows; `chosen` goes before what is found.

    Raises `UsageError` where a chosen column is not there, or nothing looks like a question.
    """
    filled: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.items():
            filled.setdefault(name, []).extend([value] if value.strip() else [])
    for role, name in chosen.items():
        if name not in filled:
            raise UsageError(f"{file} has no column `{name}`, which was named for {role}.", do=_there(filled))
    found: dict[str, str] = {}
    for role, names in ROLES.items():
        open_columns = {
            name: values
            for name, values in filled.items()
            if name not in found.values() and (name not in chosen.values())
        }
        found[role] = chosen.get(role) or _named(open_columns, names, wordy=role == "answer")
    if not found["question"] and not found["body"]:
        raise UsageError(
            f"No column of {file} looks like a question.",
            do=f"{_there(filled)} Say which holds it: `--columns question=NAME`, and `--columns answer=NAME`.",
        )
    people = tuple(name for name in filled if _plain(name) in PEOPLE and name not in found.values())
    return Columns(**found, people=people)


def _named(filled: Mapping[str, Sequence[str]], names: Sequence[str], *, wordy: bool) -> str:
    """Return the column with the surest name that has something in it; empty without one."""
    columns = {
        name: _plain(name)
        for name, values in filled.items()
        if values and (not wordy or _mean_words(values) >= FEWEST_ANSWER_WORDS)
    }
    for known in names:
        if exact := [name for name, plain in columns.items() if plain == known]:
            return exact[0]
    for known in names:
        if longer := [name for name, plain in columns.items() if plain.endswith(f" {known}")]:
            return longer[0]
    return ""


def _mean_words(values: Sequence[str]) -> float:
    return sum(len(value.split()) for value in values) / len(values)


def _plain(name: str) -> str:
    """Return a column's name in small letters and single blanks; of a nested one, its last part."""
    # "createdAt" and "fields.summary" are names of programs.
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.rpartition(".")[2])
    return NOT_NAME.sub(" ", fold(parted)).strip()


def _there(filled: Mapping[str, Sequence[str]]) -> str:
    return f"It has these: {', '.join(f'`{name}`' for name in filled)}."

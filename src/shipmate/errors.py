"""Every error of the house, in one tree.

    ShipmateError
    ├── ProjectError          the user's folder is wrong: every problem at once
    ├── UsageError            a command or setting cannot be carried out as given
    │   ├── UnsafeBind        a public address without keys and allowed origins
    │   └── Untrusted         signed by nobody whose signature counts here
    ├── Busy                  somebody else holds what is needed
    │   ├── FolderInUse       a second serve or ingest on one folder
    │   ├── ConversationBusy  a third turn while one runs and one waits
    │   ├── PortTaken         the address is in use
    │   └── NotReady          starting, stopping, or as many turns as it can run
    ├── Missing               what was named does not exist
    │   ├── NoIndex           nothing was ingested yet
    │   ├── NoConversation    unknown, or somebody else's
    │   ├── NoTurn            unknown, or somebody else's
    │   └── NoEntity          a name that no document knows
    ├── StorageError          the disk or database refuses
    │   ├── DiskFull
    │   ├── SchemaTooNew      written by a later version
    │   ├── SchemaTooOld      written by an earlier version: `shipmate upgrade` mends it
    │   └── Damaged           a file that does not read back
    ├── RequestError          what a caller sent cannot be used
    │   ├── TooLarge
    │   ├── Malformed
    │   │   ├── Invalid       it reads, but a field is wrong
    │   │   └── WrongMediaType
    │   ├── Unauthorised      no key, or not one of ours
    │   ├── Forbidden         the origin or host is not allowed
    │   └── RateLimited
    └── ModelError            the language model failed
        ├── ModelUnavailable  refused, unreachable or broken off
        ├── ModelTimeout      its deadline passed
        └── ModelGarbled      it answered something else than the protocol

Each says what happened, where, and what to do next; `exit_code` is the command line's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Busy",
    "ConversationBusy",
    "Damaged",
    "DiskFull",
    "FolderInUse",
    "Forbidden",
    "Invalid",
    "Malformed",
    "Missing",
    "ModelError",
    "ModelGarbled",
    "ModelTimeout",
    "ModelUnavailable",
    "NoConversation",
    "NoEntity",
    "NoIndex",
    "NoTurn",
    "NotReady",
    "PortTaken",
    "Problem",
    "ProjectError",
    "RateLimited",
    "RequestError",
    "SchemaTooNew",
    "SchemaTooOld",
    "ShipmateError",
    "StorageError",
    "TooLarge",
    "Unauthorised",
    "UnsafeBind",
    "Untrusted",
    "UsageError",
    "WrongMediaType",
]


class ShipmateError(Exception):
    """Say what happened, and what to do next."""

    exit_code = 1

    def __init__(self, what: str, *, do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.do}" if self.do else self.what


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a user's file."""

    # Path relative to the assistant's folder.
    file: str
    # 1-based; 0 when the whole file is meant.
    line: int
    what: str
    do: str = ""
    # The lint rule, such as C010; empty for plain schema errors.
    code: str = ""
    # In a word or two, why a document was passed over: what a report counts.
    reason: str = ""
    # A warning does not stop anything.
    warning: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        code = f" [{self.code}]" if self.code else ""
        text = f"{place}:{code} {self.what}"
        return f"{text}\n  -> {self.do}" if self.do else text


class ProjectError(ShipmateError):
    """The assistant's folder has problems; all of them are in `problems`."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(ShipmateError):
    """The command or setting cannot be carried out as given."""

    exit_code = 2


class UnsafeBind(UsageError):
    """A public address needs API keys and allowed origins."""


class Untrusted(UsageError):
    """Nobody whose signature counts here has signed it."""


class Busy(ShipmateError):
    """Somebody else holds what is needed; try again later."""

    exit_code = 4


class FolderInUse(Busy):
    """Another process serves or ingests this folder."""


class ConversationBusy(Busy):
    """This conversation already has a running and a waiting turn."""


class PortTaken(Busy):
    """Another program listens on this address."""


class NotReady(Busy):
    """The server is starting, stopping or already runs as many turns as it can."""


class Missing(ShipmateError):
    """What was named does not exist."""

    exit_code = 5


class NoIndex(Missing):
    """Nothing was ingested yet."""


class NoConversation(Missing):
    """No such conversation for this caller."""


class NoTurn(Missing):
    """No such turn for this caller."""


class NoEntity(Missing):
    """No document that the caller may see knows such a name."""

    def __init__(self, name: str, alike: Sequence[str]) -> None:
        do = f"Did you mean {', '.join(f'`{known}`' for known in alike)}?" if alike else "Write it as a document does."
        super().__init__(f"No document knows the name `{name}`.", do=do)
        self.alike = tuple(alike)


class StorageError(ShipmateError):
    """The disk or the database refuses."""

    exit_code = 6


class DiskFull(StorageError):
    """No space is left; nothing was half-written."""


class SchemaTooNew(StorageError):
    """The data was written by a later version of Shipmate."""


class SchemaTooOld(StorageError):
    """The data was written by an earlier version of Shipmate and has to be upgraded."""


class Damaged(StorageError):
    """A file does not read back as it was written."""


class RequestError(ShipmateError):
    """What a caller sent cannot be used."""

    exit_code = 2


class TooLarge(RequestError):
    """The request is over a stated limit."""


class Malformed(RequestError):
    """The request is not what the door's description asks for."""


class Invalid(Malformed):
    """The request reads, but one of its fields is missing or wrong."""


class WrongMediaType(Malformed):
    """The request's content type is not one that this door reads."""


class Unauthorised(RequestError):
    """The caller's key is missing or not known here."""


class Forbidden(RequestError):
    """Requests from this origin, or to this host, are not answered here."""


class RateLimited(RequestError):
    """The caller's token bucket is empty."""

    def __init__(self, what: str, *, do: str = "", retry_after_s: float) -> None:
        super().__init__(what, do=do)
        self.retry_after_s = retry_after_s


class ModelError(ShipmateError):
    """The language model failed; the turn falls back to quotes."""

    exit_code = 7
    # All that callers may know: neither where the server is nor what it said.
    told = "The model failed."


class ModelUnavailable(ModelError):
    """The model server refused, could not be reached or broke off."""

    told = "The model server refused, could not be reached or broke off."


class ModelTimeout(ModelError):
    """The model's deadline passed."""

    told = "The model did not answer in time."


class ModelGarbled(ModelError):
    """The model server answered something else than its protocol."""

    told = "The model server answered something else than its protocol."

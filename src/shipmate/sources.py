"""Where documents come from: `sources.yml` as a record, and what it names, found and checked."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Annotated, Literal

from msgspec import Meta

from shipmate.errors import Problem
from shipmate.messages import Record
from shipmate.shape import Section, did_you_mean
from shipmate.yaml_source import KeyPath, Source

__all__ = [
    "EVALS",
    "KNOWLEDGE",
    "PROMPTS",
    "DocumentFile",
    "DocumentFolder",
    "GitFolder",
    "Origin",
    "SourcesFile",
    "Website",
    "empty_groups",
    "origins",
]

KNOWLEDGE = "knowledge"
EVALS = "evals"
PROMPTS = "prompts"
# Of the path to a group: folders, 0, audience, 0.
AUDIENCE_DEPTH = 4
Name = Annotated[str, Meta(min_length=1)]


class Restricted(Section, frozen=True, kw_only=True):
    """Whose documents these are."""

    audience: Annotated[
        tuple[Name, ...], Meta(description="The groups that may see the documents; without any, everyone may.")
    ] = ()
    separate: Annotated[
        bool,
        Meta(description="Keep them in an index of their own, so that nobody else can notice that they are there."),
    ] = False


class FolderEntry(Restricted, frozen=True, kw_only=True):
    """A folder of documents."""

    path: Annotated[str, Meta(min_length=1, description="The folder, from the assistant's folder.")]


class FileEntry(Restricted, frozen=True, kw_only=True):
    """A single document."""

    path: Annotated[str, Meta(min_length=1, description="The file, from the assistant's folder.")]


class TicketEntry(Restricted, frozen=True, kw_only=True):
    """A ticket export: each row is a passage."""

    path: Annotated[str, Meta(min_length=1, description="A CSV or JSON Lines file, from the assistant's folder.")]
    columns: Annotated[
        tuple[Name, ...],
        Meta(description="The columns that are read, in this order; without any, all. Leave out what is private."),
    ] = ()


class GitEntry(Restricted, frozen=True, kw_only=True):
    """A git repository on this machine: its tracked files as they were committed last."""

    path: Annotated[str, Meta(min_length=1, description="The repository, from the assistant's folder.")]
    below: Annotated[str, Meta(description="The folder inside it that holds the documents; all of it without one.")] = (
        ""
    )


class WebsiteEntry(Restricted, frozen=True, kw_only=True):
    """A website: the pages that its sitemap or llms.txt names, or else those that its first page links."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
            description="Where it begins; pages outside its path are left out.",
            extra_json_schema={"examples": ["https://docs.example.com/guide/"]},
        ),
    ]
    hosts: Annotated[tuple[Name, ...], Meta(description="Other hosts whose pages belong to it.")] = ()
    allow_private: Annotated[
        bool, Meta(description="Let it lie on this machine or in a private network, which is refused otherwise.")
    ] = False
    most_pages: Annotated[int, Meta(ge=1, le=100_000, description="No more pages than these are read.")] = 1000
    requests_per_s: Annotated[float, Meta(gt=0, description="How fast pages are asked for at most.")] = 2.0


class SourcesFile(Section, frozen=True, kw_only=True):
    """Where the documents are."""

    version: Literal[1] = 1
    folders: Annotated[
        tuple[Name | FolderEntry, ...],
        Meta(description="Folders of documents, from the assistant's folder; those outside it are named with `..`."),
    ] = (KNOWLEDGE,)
    files: Annotated[tuple[Name | FileEntry, ...], Meta(description="Single documents.")] = ()
    tickets: Annotated[tuple[TicketEntry, ...], Meta(description="Exports of tickets or of an FAQ.")] = ()
    git: Annotated[tuple[GitEntry, ...], Meta(description="Git repositories on this machine.")] = ()
    websites: Annotated[tuple[WebsiteEntry, ...], Meta(description="Websites.")] = ()


class Place(Record, frozen=True, kw_only=True):
    """What every place has where documents are."""

    # What the names of its documents begin with: empty for knowledge/, else such as "docs/".
    prefix: str
    # The groups that may see them; empty: everyone.
    audience: tuple[str, ...] = ()
    # They have an index of their own.
    separate: bool = False

    @property
    def name(self) -> str:
        """Return what no other place is called."""
        return self.prefix


class DocumentFolder(Place, frozen=True, kw_only=True):
    """A folder of documents."""

    path: Path
    # A folder below it, with forward slashes, that is left out: the assistant's own.
    without: str = ""


class DocumentFile(Place, frozen=True, kw_only=True):
    """A single document; of a table, the columns that are read."""

    path: Path
    columns: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return what its document is called."""
        return self.prefix + self.path.name


class GitFolder(Place, frozen=True, kw_only=True):
    """The committed files of a repository, below one of its folders."""

    path: Path
    below: str = ""
    # A folder in the repository that is left out: the assistant's own.
    without: str = ""


class Website(Place, frozen=True, kw_only=True):
    """A website, and how it may be read; its pages are named by their addresses."""

    url: str
    hosts: tuple[str, ...] = ()
    allow_private: bool = False
    most_pages: int = 1000
    requests_per_s: float = 2.0


Origin = DocumentFolder | DocumentFile | GitFolder | Website


def origins(folder: Path, file: SourcesFile | None, source: Source) -> tuple[list[Origin], list[Problem]]:
    """Return what the file names, and what is wrong with it; without a file, the folder knowledge/ is meant."""
    finding = _Finding(folder.resolve(), source)
    if file is None:
        finding.folder(("folders",), FolderEntry(path=KNOWLEDGE))
        return finding.found, finding.problems
    for number, entry in enumerate(file.folders):
        finding.folder(("folders", number), entry if isinstance(entry, FolderEntry) else FolderEntry(path=entry))
    for number, one in enumerate(file.files):
        finding.file(("files", number), one if isinstance(one, FileEntry) else FileEntry(path=one), ())
    for number, tickets in enumerate(file.tickets):
        finding.file(("tickets", number), tickets, tickets.columns)
    for number, repository in enumerate(file.git):
        finding.git(("git", number), repository)
    for number, website in enumerate(file.websites):
        finding.website(("websites", number), website)
    finding.hidden_from_all(file)
    if not (file.folders or file.files or file.tickets or file.git or file.websites):
        do = f"Name a folder, such as `folders: [{KNOWLEDGE}]`, or something else that holds documents."
        finding.complain(("folders",), "No folder of documents is named.", do)
    return finding.found, finding.problems


class _Finding:
    """Looks for what is named, and sees to it that no two documents have the same name."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.found: list[Origin] = []
        self.problems: list[Problem] = []
        self._folder = folder
        self._source = source
        # By path, what was named so far, and how.
        self._named: dict[Path, str] = {}

    def folder(self, path: KeyPath, entry: FolderEntry) -> None:
        place = self._place(path, entry.path)
        if not _is_folder(place):
            do = "Make it and put documents into it, or name theirs in sources.yml: `folders: [.]` is this one."
            self.complain(path, f"There is no folder `{entry.path}`.", do)
        self._add(
            path,
            entry.path,
            DocumentFolder(
                path=place,
                prefix=_prefix(entry.path),
                audience=entry.audience,
                separate=entry.separate,
                without=self._own_below(place),
            ),
        )

    def file(self, path: KeyPath, entry: FileEntry | TicketEntry, columns: tuple[str, ...]) -> None:
        place = self._place(path, entry.path)
        if not os.path.isfile(place):  # noqa: PTH113 - Path.is_file raises on names that are too long
            self.complain(path, f"There is no file `{entry.path}`.", "Put it there, or take this line out.")
        self._add(
            path,
            entry.path,
            DocumentFile(
                path=place,
                prefix=_prefix(str(PurePath(entry.path).parent)),
                audience=entry.audience,
                separate=entry.separate,
                columns=columns,
            ),
        )

    def git(self, path: KeyPath, entry: GitEntry) -> None:
        place = self._place(path, entry.path)
        if not (place / ".git").exists():
            do = "Name the folder that holds `.git`, and put the rest into `below`."
            self.complain(path, f"`{entry.path}` is no git repository.", do)
        below = PurePath(entry.below)
        if below.is_absolute() or ".." in below.parts:
            self.complain(path, f"`{entry.below}` does not lie in the repository.", "Name a folder inside it.")
        self._add(
            path,
            entry.path,
            GitFolder(
                path=place,
                prefix=_prefix(entry.path),
                below="" if below == PurePath() else below.as_posix(),
                audience=entry.audience,
                separate=entry.separate,
                without=self._own_below(place),
            ),
        )

    def website(self, path: KeyPath, entry: WebsiteEntry) -> None:
        if entry.url in {origin.url for origin in self.found if isinstance(origin, Website)}:
            self.complain(path, f"{entry.url} is named twice.", "Name it once.")
        self.found.append(
            Website(
                url=entry.url,
                prefix=entry.url,
                audience=entry.audience,
                separate=entry.separate,
                hosts=entry.hosts,
                allow_private=entry.allow_private,
                most_pages=entry.most_pages,
                requests_per_s=entry.requests_per_s,
            )
        )

    def hidden_from_all(self, file: SourcesFile) -> None:
        """Complain of what has an index of its own and is for everyone."""
        for kind in ("folders", "files", "tickets", "git", "websites"):
            for number, entry in enumerate(getattr(file, kind)):
                if isinstance(entry, Restricted) and entry.separate and not entry.audience:
                    what = "What is `separate` is for somebody, and these documents are for everyone."
                    self.complain((kind, number), what, "Say for whom: `audience: [staff]`.")

    def complain(self, path: KeyPath, what: str, do: str) -> None:
        self.problems.append(self._source.problem(path, what, do))

    def _place(self, path: KeyPath, name: str) -> Path:
        place = Path(os.path.normpath(self._folder / name))
        for other, called in self._named.items():
            if place.is_relative_to(other) or other.is_relative_to(place):
                self.complain(path, f"`{name}` and `{called}` hold the same documents.", "Name one of them.")
                break
        self._named.setdefault(place, name)
        return place

    def _own_below(self, place: Path) -> str:
        """Return where the assistant's prompts are below a place: what they say is for the model, not for readers."""
        own = self._folder / PROMPTS
        # Unlike Path.resolve, this passes over links that lead to themselves.
        outer = Path(os.path.realpath(place))
        return own.relative_to(outer).as_posix() if self._folder.is_relative_to(outer) else ""

    def _add(self, path: KeyPath, name: str, origin: DocumentFolder | DocumentFile | GitFolder) -> None:
        same = {other.name for other in self.found if not isinstance(other, Website)}
        if not self.problems and origin.name in same:
            what = f"The documents of `{name}` would be called like those of another folder."
            self.complain(path, what, "Rename one folder.")
        self.found.append(origin)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises on names that are too long


def _prefix(name: str) -> str:
    """Return what the names of a folder's documents begin with: ../../docs -> docs/."""
    parts = [part for part in PurePath(name).parts if part not in ("..", "/")]
    return "" if parts == [KNOWLEDGE] else "".join(f"{part}/" for part in parts)


def empty_groups(source: Source, people: Iterable[Iterable[str]]) -> Iterator[Problem]:
    """Yield the groups that documents are for and that nobody is in; `people` are each in some groups."""
    known = {group for groups in people for group in groups}
    for path in source.lines:
        if len(path) != AUDIENCE_DEPTH or path[2] != "audience":
            continue
        kind, number, _, place = path
        group = source.data[kind][number]["audience"][place]
        if group not in known:
            what = f"Nobody is in the group `{group}`, so as its member nobody sees these documents."
            near = f"{did_you_mean(group, known)} " if known else ""
            yield source.problem(path, what, f"{near}Say who is in it: `groups:` in stack.yml.", warning=True)

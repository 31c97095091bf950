"""A backup is taken while the assistant serves and ingests, and comes back as it was or not at all."""

import asyncio
import io
import json
import os
import signal
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shipmate import bootstrap
from shipmate.adapters.archive import pack
from shipmate.adapters.folder import FolderLock, incoming, install_key, restoring
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.adapters.system_clock import SystemClock
from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.errors import Damaged, DiskFull, FolderInUse, Missing, SchemaTooNew, ShipmateError, StorageError
from shipmate.knowledge.website import Mirror
from shipmate.listing import listings
from shipmate.messages import Ask, Passage, Token
from shipmate.sources import Website
from shipmate.testing.conformance.store import closing, opening
from shipmate.upkeep import backup, restore, upgrade
from tests.journeys.process import make_garden, shipmate
from tests.processes import python

# Restores, and is killed before it renames so many files or folders and one more.
KILLED_RESTORE = """
import os, signal, sys
from pathlib import Path
from shipmate.upkeep import restore
left = int(sys.argv[3])
def watch(event, _):
    global left
    if event == "os.rename":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
restore(Path(sys.argv[1]), Path(sys.argv[2]))
"""
# Backs up, and waits for a word before it copies the last file.
PAUSED_BACKUP = """
import sys
from pathlib import Path
from shipmate.upkeep import backup
def watch(event, _):
    if event == "shutil.copyfile":
        print("reading", flush=True)
        sys.stdin.read(1)
sys.addaudithook(watch)
backup(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def passage(number: int) -> Passage:
    return Passage(source=f"{number}.md", title="Title", text=f"number {number}", start=0, end=8)


def ingest(index: TantivyIndex, numbers: range) -> None:
    index.write([(f"{number}.md", "f", [passage(number)]) for number in numbers], [])


async def converse(path: Path, numbers: range) -> None:
    store = SqliteStore.open(path)
    for number in numbers:
        await store.open_turn(opening(f"t{number}", f"{number}?"))
        await store.close_turn(closing(f"t{number}", f"{number}!"))
    await store.close()


async def said(state: Path) -> list[str]:
    store = SqliteStore.open(state / "shipmate.db")
    thread = await store.conversation("c1", "ada", messages=100_000)
    await store.close()
    return [message.text for message in thread.messages]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "assistant" / ".shipmate"
    install_key(folder)
    asyncio.run(converse(folder / "shipmate.db", range(3)))
    ingest(TantivyIndex(folder / "index"), range(5))
    return folder


@pytest.fixture
def archive(state: Path, tmp_path: Path) -> Path:
    path = tmp_path / "monday.tar.gz"
    backup(state, path)
    return path


@contextmanager
def meanwhile(act: Callable[[int], None]) -> Iterator[None]:
    """Do something again and again in another thread."""
    is_over = threading.Event()

    def again() -> None:
        number = 100
        while not is_over.is_set():
            act(number)
            number += 1

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_copies_of_websites_come_back_so_that_a_site_that_is_down_loses_no_page(state: Path, tmp_path: Path) -> None:
    site = Website(url="http://127.0.0.1:9/", prefix="http://127.0.0.1:9/", allow_private=True)
    listings([site], state, SystemClock())
    (copy,) = (state / "websites").iterdir()
    mirror = Mirror(copy)
    mirror.keep(f"{site.url}pump", f"{site.url}pump", ".md", b"The pump is blue.", {})
    mirror.save()
    backup(state, tmp_path / "monday.tar.gz")
    elsewhere = tmp_path / "elsewhere" / ".shipmate"
    elsewhere.parent.mkdir()
    restore(tmp_path / "monday.tar.gz", elsewhere)
    (listing,) = listings([site], elsewhere, SystemClock())
    (page,) = listing.entries
    assert (page.source, page.read(100)) == (f"{site.url}pump", b"The pump is blue.")


def test_what_was_saved_comes_back_on_another_machine(state: Path, archive: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / ".shipmate"
    elsewhere.parent.mkdir()
    assert restore(archive, elsewhere) is None
    assert asyncio.run(said(elsewhere)) == ["0?", "0!", "1?", "1!", "2?", "2!"]
    assert install_key(elsewhere) == install_key(state)
    index = TantivyIndex(elsewhere / "index")
    assert set(index.sources()) == {f"{number}.md" for number in range(5)}
    ingest(index, range(5, 7))
    assert len(index.search({"number": 1.0}, 10)) == 7, "the restored index can be searched and written"


def test_the_present_state_is_kept_aside(state: Path, archive: Path) -> None:
    asyncio.run(converse(state / "shipmate.db", range(3, 5)))
    before = contents(state)
    aside = restore(archive, state)
    assert aside == state.with_name(".shipmate.before-restore-1")
    assert aside
    assert contents(aside) == before
    assert before[".gitignore"] == b"*\n"
    assert len(asyncio.run(said(state))) == 6
    assert restore(archive, state) == state.with_name(".shipmate.before-restore-2")


def test_a_backup_while_serving_and_ingesting_is_consistent(state: Path, tmp_path: Path) -> None:
    """Whole turns in order up to some moment, and an index as of one commit; five times over."""
    index = TantivyIndex(state / "index")

    def act(number: int) -> None:
        asyncio.run(converse(state / "shipmate.db", range(number, number + 1)))
        ingest(index, range(number, number + 3))

    for turn in range(5):
        path = tmp_path / f"{turn}.tar.gz"
        with meanwhile(act):
            backup(state, path)
        elsewhere = tmp_path / f"elsewhere-{turn}" / ".shipmate"
        elsewhere.parent.mkdir()
        restore(path, elsewhere)
        numbers = [text.rstrip("?!") for text in asyncio.run(said(elsewhere))]
        questions = numbers[::2]
        assert numbers[1::2] == questions[: len(numbers) // 2], "each question is followed by its reply"
        found = TantivyIndex(elsewhere / "index").search({"number": 1.0}, 10_000)
        assert len(found) >= 5


def test_an_older_backup_of_that_name_is_replaced_only_by_a_complete_one(state: Path, archive: Path) -> None:
    old = archive.read_bytes()
    (state / "shipmate.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(Damaged):
        backup(state, archive)
    assert archive.read_bytes() == old
    assert [path.name for path in archive.parent.iterdir() if "monday" in path.name] == ["monday.tar.gz"]


def test_only_its_owner_reads_a_backup(archive: Path) -> None:
    assert archive.stat().st_mode & 0o077 == 0


def test_nothing_to_save_and_nowhere_to_save_it_are_said(state: Path, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="nothing that could be saved"):
        backup(tmp_path / "empty", tmp_path / "a.tar.gz")
    with pytest.raises(Missing, match="nowhere"):
        backup(state, tmp_path / "nowhere" / "a.tar.gz")
    with pytest.raises(Missing, match="tuesday"):
        restore(tmp_path / "tuesday.tar.gz", state)


@pytest.mark.parametrize("purpose", ["serve", "ingest"])
def test_nobody_restores_under_a_running_server_or_ingest(state: Path, archive: Path, purpose: str) -> None:
    with FolderLock(state / f"{purpose}.lock", purpose), pytest.raises(FolderInUse, match=str(os.getpid())):
        restore(archive, state)
    assert len(asyncio.run(said(state))) == 6


def test_nobody_restores_or_upgrades_under_an_open_assistant(archive: Path, tmp_path: Path) -> None:
    """Neither a chat nor a question serves or ingests, and each has turns to lose; another question goes on."""
    folder = make_garden(tmp_path / "garden")

    async def opened() -> str:
        project = bootstrap.load(folder)
        async with bootstrap.open_assistant(project), bootstrap.open_assistant(project) as other:
            with pytest.raises(FolderInUse, match="another process"):
                bootstrap.restore(folder, archive)
            with pytest.raises(FolderInUse):
                bootstrap.upgrade(folder)
            return "".join(
                [e.text async for e in other.turn(Ask(text="When are roses pruned?")) if isinstance(e, Token)]
            )

    bootstrap.ingest(bootstrap.load(folder), progress=lambda _: None)
    assert "in March" in asyncio.run(opened())
    assert bootstrap.restore(folder, archive), "it may be restored once the assistant is closed"


@pytest.mark.parametrize("renames", range(4))
def test_a_restore_that_is_killed_before_any_of_its_steps_leaves_a_whole_state(
    state: Path, archive: Path, renames: int
) -> None:
    """The next start finds the state from before, or completes the restore."""
    asyncio.run(converse(state / "shipmate.db", range(3, 5)))
    with python(KILLED_RESTORE, archive, state, renames) as process:
        pass
    assert process.returncode == (-signal.SIGKILL if renames < 3 else 0)
    with FolderLock(state / "state.lock", "", is_shared=True):
        assert len(asyncio.run(said(state))) == (10 if renames < 2 else 6)
        assert len(install_key(state)) == 32
        assert len(TantivyIndex(state / "index").sources()) == 5
    assert not incoming(state).exists()
    restore(archive, state)
    assert not list(state.parent.glob(".shipmate.restore.*")), "the next restore takes away what a killed one unpacked"
    assert (state / ".gitignore").read_text() == "*\n"


def test_doctor_tells_a_killed_restore_from_a_running_one(archive: Path, tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "garden")
    shipmate("ingest", folder)
    with restoring(folder / ".shipmate"):
        assert "restore that was killed" not in shipmate("doctor", folder).out
    with python(KILLED_RESTORE, archive, folder / ".shipmate", 0):
        pass
    (left,) = folder.glob(".shipmate.restore.*")
    told = shipmate("doctor", folder)
    assert f"{left} was left by a restore that was killed." in told.out
    assert told.code == 0
    assert left.exists(), "doctor looks only"


def test_nobody_restores_or_upgrades_during_a_backup(state: Path, archive: Path, tmp_path: Path) -> None:
    """A backup that reads on while the state changes places would hold two states."""
    with python(PAUSED_BACKUP, state, tmp_path / "tuesday.tar.gz") as backing_up:
        assert backing_up.stdin
        assert backing_up.stdout
        assert backing_up.stdout.readline() == "reading\n"
        for change in (lambda: restore(archive, state), lambda: upgrade(state)):
            with pytest.raises(FolderInUse):
                change()
        backing_up.stdin.write("on")
        backing_up.stdin.close()
        assert backing_up.wait() == 0
    assert restore(tmp_path / "tuesday.tar.gz", state)


def test_there_is_no_backup_while_a_restore_changes_places(state: Path, tmp_path: Path) -> None:
    with FolderLock(state / "state.lock", "restore"), pytest.raises(FolderInUse, match="shipmate restore"):
        backup(state, tmp_path / "tuesday.tar.gz")


def test_a_question_after_a_killed_restore_finds_what_was_restored(tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "garden")
    asked = json.loads(shipmate("ask", "When are roses pruned?", folder, "--json").out)
    state, archive = folder / ".shipmate", tmp_path / "monday.tar.gz"
    assert shipmate("backup", archive, folder).code == 0
    with python(KILLED_RESTORE, archive, state, 2):
        pass
    assert not state.exists()
    again = shipmate("ask", "When are roses pruned?", folder)
    assert "in March" in again.out
    assert again.err == ""
    assert shipmate("explain", asked["turn_id"], folder).code == 0


def entries(archive: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(archive) as tar:
        files = ((entry, tar.extractfile(entry)) for entry in tar)
        return [(entry, file.read()) for entry, file in files if file]


def rewritten(archive: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]) -> None:
    """Write the archive anew with each entry changed, or left out."""
    old = entries(archive)
    with tarfile.open(archive, "w:gz") as new:
        for entry, content in old:
            changed = change(entry, content)
            if changed:
                changed[0].size = len(changed[1])
                new.addfile(changed[0], io.BytesIO(changed[1]))


def renamed(entry: tarfile.TarInfo, content: bytes, name: str) -> tuple[tarfile.TarInfo, bytes]:
    """Call the key something else, in the manifest and in the archive."""
    if entry.name == "manifest.json":
        return entry, content.replace(b'"install.key"', json.dumps(name).encode())
    if entry.name == "install.key":
        entry.name = name
    return entry, content


def linked(entry: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    if entry.name == "install.key":
        entry.type = tarfile.SYMTYPE
        entry.linkname = "/etc/passwd"
        return entry, b""
    return entry, content


CHANGES = {
    "another content": lambda entry, content: (entry, content[:-1] + b"x"),
    "a shorter content": lambda entry, content: (
        (entry, content[:-1]) if entry.name == "install.key" else (entry, content)
    ),
    "a missing file": lambda entry, content: None if entry.name == "install.key" else (entry, content),
    "no manifest": lambda entry, content: None if entry.name == "manifest.json" else (entry, content),
    "a garbled manifest": lambda entry, content: (
        (entry, content[:9]) if entry.name == "manifest.json" else (entry, content)
    ),
    "a link": linked,
    "a path upwards": lambda entry, content: renamed(entry, content, "../../escaped"),
    "an absolute path": lambda entry, content: renamed(entry, content, "/tmp/escaped"),
    "a null character": lambda entry, content: renamed(entry, content, "a\0b"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_archive_that_was_tampered_with_changes_nothing(state: Path, archive: Path, change: str) -> None:
    rewritten(archive, CHANGES[change])
    before, around = contents(state), set(state.parents[1].rglob("*"))
    with pytest.raises(Damaged, match="cannot be used"):
        restore(archive, state)
    assert contents(state) == before
    assert set(state.parents[1].rglob("*")) == around, "nothing was written anywhere else"


def packed(archive: Path, files: dict[str, bytes]) -> None:
    """Write an archive that is true to its manifest."""
    folder = archive.with_suffix(".folder")
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    pack(folder, archive)


USELESS: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({}, "neither"),
    "a key alone": ({"install.key": bytes(32)}, "neither"),
    "an empty database": ({"shipmate.db": b""}, "empty"),
    "a database of one byte": ({"shipmate.db": b"x"}, ""),
    "a text as a database": ({"shipmate.db": b"no database at all " * 500}, ""),
    "a file of another name": ({"notes.txt": b"x"}, "notes.txt"),
    "a script beside the index": ({"index/passages-1/run.sh": b"x"}, "run.sh"),
    "an index that is none": ({"index/passages-1/meta.json": b"{}"}, "index"),
}


@pytest.mark.parametrize("useless", USELESS)
def test_an_archive_that_keeps_its_word_and_is_of_no_use_changes_nothing(
    state: Path, tmp_path: Path, useless: str
) -> None:
    files, why = USELESS[useless]
    packed(tmp_path / "a.tar.gz", files)
    before = contents(state)
    with pytest.raises(Damaged, match=f"cannot be used: .*{why}") as refused:
        restore(tmp_path / "a.tar.gz", state)
    assert "shipmate restore" not in str(refused.value), "it is no use to be told to do what was just done"
    assert contents(state) == before


@pytest.mark.parametrize("length", [0, 1, 31, 33])
def test_a_key_of_another_length_is_not_restored(state: Path, archive: Path, tmp_path: Path, length: int) -> None:
    files = {entry.name: content for entry, content in entries(archive) if entry.name != "manifest.json"}
    packed(tmp_path / "a.tar.gz", files | {"install.key": bytes(length)})
    before = contents(state)
    with pytest.raises(Damaged, match=f"install.key has {length} bytes"):
        restore(tmp_path / "a.tar.gz", state)
    assert contents(state) == before


def test_a_database_that_was_never_written_to_is_left_out_of_a_backup(state: Path, tmp_path: Path) -> None:
    """So what is saved can be restored."""
    for path in state.glob("shipmate.db*"):
        path.unlink()
    (state / "shipmate.db").touch()
    backup(state, tmp_path / "a.tar.gz")
    restore(tmp_path / "a.tar.gz", state)
    assert not (state / "shipmate.db").exists()
    assert len(TantivyIndex(state / "index").sources()) == 5


def forged(archive: Path, manifest: bytes, *, kind: bytes = tarfile.REGTYPE, name: str = "manifest.json") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, len(manifest)
    if kind == tarfile.SYMTYPE:
        entry.linkname = "/etc/passwd"
    with tarfile.open(archive, "w:gz") as new:
        new.addfile(entry, io.BytesIO(manifest))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE]
)
def test_a_manifest_is_a_plain_file(state: Path, archive: Path, kind: bytes) -> None:
    forged(archive, b"", kind=kind)
    with pytest.raises(Damaged, match="cannot be used"):
        restore(archive, state)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_goes_on_elsewhere_is_not_read(state: Path, archive: Path, kind: bytes) -> None:
    """Its size is the archive's to choose: a gigabyte of zeros packs into a megabyte."""
    forged(archive, bytes(64 << 20), kind=kind)
    tracemalloc.start()
    with pytest.raises(Damaged, match="no plain file"):
        restore(archive, state)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize(
    "files",
    [
        '{"shipmate.db": {"sha256": "", "size": -1}}',
        '{"index": {"sha256": "", "size": 1}, "index/a": {"sha256": "", "size": 1}}',
        '{"./shipmate.db": {"sha256": "", "size": 1}}',
        "[" * 100_000,
    ],
)
def test_a_manifest_that_cannot_be_true_is_refused(state: Path, archive: Path, files: str) -> None:
    forged(archive, f'{{"format": 1, "shipmate": "1", "files": {files}}}'.encode())
    with pytest.raises(Damaged, match="cannot be used"):
        restore(archive, state)


def test_an_archive_larger_than_the_disk_is_refused_before_anything_is_written(state: Path, archive: Path) -> None:
    forged(archive, b'{"format": 1, "shipmate": "1", "files": {"shipmate.db": {"sha256": "", "size": %d}}}' % (1 << 60))
    with pytest.raises(DiskFull, match=f"{1 << 60:,} bytes"):
        restore(archive, state)


def test_a_folder_in_the_place_of_an_archive_is_told_as_such(state: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"is a folder[^/]*name a file"):
        restore(tmp_path, state)
    with pytest.raises(StorageError, match=r"is a folder[^/]*name a file"):
        backup(state, tmp_path)


def test_a_file_that_the_manifest_does_not_name_is_refused(state: Path, archive: Path) -> None:
    old = entries(archive)
    with tarfile.open(archive, "w:gz") as new:
        for entry, content in [*old, (tarfile.TarInfo("extra"), b"")]:
            new.addfile(entry, io.BytesIO(content))
    with pytest.raises(Damaged, match="extra"):
        restore(archive, state)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_an_archive_that_was_cut_short_changes_nothing(state: Path, archive: Path, share: float) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    before = contents(state)
    with pytest.raises(Damaged):
        restore(archive, state)
    assert contents(state) == before


def test_an_archive_of_a_later_form_names_the_version_that_reads_it(state: Path, archive: Path) -> None:
    rewritten(
        archive,
        lambda entry, content: (
            entry,
            content.replace(b'"format":1', b'"format":2').replace(b'"shipmate":"', b'"shipmate":"9.'),
        ),
    )
    with pytest.raises(SchemaTooNew, match=r"Shipmate 9\."):
        restore(archive, state)


def test_a_database_that_was_damaged_before_its_backup_is_not_saved_as_if_it_were_whole(
    state: Path, tmp_path: Path
) -> None:
    asyncio.run(converse(state / "shipmate.db", range(10, 200)))
    path = state / "shipmate.db"
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = bytes(len(content) - 12288)
    path.write_bytes(content)
    with pytest.raises(ShipmateError):
        backup(state, tmp_path / "a.tar.gz")
    assert not (tmp_path / "a.tar.gz").exists()

"""Bad input and faults, through real processes: each is told with what to do, and nothing is lost or half-written."""

import json
import random
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journeys.process import ROSES, begun, make_garden, shipmate

QUESTION = "When are roses pruned?"
SEED = 20260114
KIB = 1024


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder with their contents; SQLite's notes beside a database are none of ours."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def answers(folder: Path, question: str = QUESTION, expected: str = "in March") -> bool:
    asked = shipmate("ask", question, folder)
    return asked.code == 0 and expected in asked.out


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Serve an assistant on a free port; yield process and port."""
    with begun("serve", folder, "--port", "0", *options) as server:
        assert server.stdout
        announced = re.search(r" is ready at http://127\.0\.0\.1:(\d+)", server.stdout.readline())
        assert announced
        yield server, int(announced[1])


# The folder's files.


def test_all_problems_come_at_once_each_with_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    (folder / "stack.yml").write_text("version: 1\nmodle: extractive\nserver:\n  port: eighty\n")
    (folder / "faq.yml").write_text("version: 1\nfaq:\n  - question: Hello\n    anwser: Hi\n")
    (folder / "source.yml").write_text("version: 1\n")
    for command in (("check",), ("ask", QUESTION)):
        refused = shipmate(*command, folder)
        assert refused.code == 3
        assert refused.out == ""
        assert "stack.yml:2: `modle` is not known in this file.\n  -> Did you mean `model`?" in refused.err
        assert "stack.yml:4: `server.port` is the text 'eighty'." in refused.err
        assert "faq.yml:4: `anwser` is not known in an item of `faq`.\n  -> Did you mean `answer`?" in refused.err
        assert "source.yml: No file of this name is read.\n  -> Did you mean `sources.yml`?" in refused.err
    assert not (folder / ".shipmate").exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"version: 1\nmodel: [extractive\n", 2),
        (b"version: 1\n\tmodel: extractive\n", 2),
        (b"version: 1\nmodel: extractive\nmodel: extractive\n", 3),
        (b"version: 1\nname: \xff\xfe\n", 2),
        (b"version: 1\nmodel: &a [*a]\n", 2),
        (b"- version: 1\n", 1),
    ],
)
def test_broken_yaml_is_told_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    folder = make_garden(tmp_path)
    (folder / "stack.yml").write_bytes(content)
    refused = shipmate("check", folder)
    assert refused.code == 3
    assert re.match(rf"stack\.yml:{line}: .+\n  -> .+", refused.err), refused.err


def test_a_charter_with_seven_intents_is_told_and_still_answers(tmp_path: Path) -> None:
    shipmate("init", tmp_path / "garden")
    charter = tmp_path / "garden" / "charter.yml"
    text = charter.read_text()
    eighth = text.index("  - id: what_changed")
    charter.write_text(text[:eighth] + text[text.index("out_of_scope:") :])
    line = text[: text.index("intents:")].count("\n") + 1
    checked = shipmate("check", tmp_path / "garden")
    assert checked.code == 3
    assert (
        f"charter.yml:{line}: [C010] The charter has 7 intents; 8 to 12 are needed.\n  -> Add 1 or more" in checked.err
    )
    assert shipmate("ask", "How do I add documents?", tmp_path / "garden").code == 0


@pytest.mark.parametrize("command", [("ask", QUESTION), ("serve", "--port", "0")])
def test_an_empty_folder_says_what_is_missing(tmp_path: Path, command: tuple[str, ...]) -> None:
    bare = shipmate(*command, tmp_path)
    assert (bare.code, bare.out) == (3, "")
    assert "There is no folder `knowledge`.\n  -> Make it and put documents into it" in bare.err
    (tmp_path / "knowledge").mkdir()
    empty = shipmate(*command, tmp_path)
    assert (empty.code, empty.out) == (5, "")
    assert "There are no documents here.\n  -> Put files into it: .csv, .docx, .htm, .html" in empty.err


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for command in ("ingest", "doctor"):
        assert shipmate(command, tmp_path / "nowhere").code == 3
    assert shipmate("upgrade", tmp_path / "nowhere").code == 5
    assert shipmate("restore", tmp_path / "saved.tar.gz", tmp_path / "nowhere").code == 5
    assert list(tmp_path.iterdir()) == []


# Documents.


def test_a_document_of_a_gibibyte_is_passed_over_without_being_read(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    with (folder / "knowledge" / "huge.md").open("wb") as huge:
        huge.truncate(1024**3)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    read = shipmate("ingest", folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert read.code == 0
    assert "huge.md: The file is too large: 1,024.0 MiB, and at most 32.0 MiB are read.\n  -> Split it" in read.err
    assert "1 added" in read.out
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3
    # The largest child so far, so a larger one that ran before is no fault of this one.
    assert after.ru_maxrss <= max(300 * KIB, before.ru_maxrss)
    assert answers(folder)


def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    knowledge = folder / "knowledge"
    (knowledge / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (knowledge / "latin.txt").write_bytes(b"One\nTwo\nF\xfcnf\n")
    (knowledge / "empty.html").write_bytes(b"<html></html>")
    (knowledge / "gone.md").symlink_to("nowhere.md")
    (knowledge / "outside.md").symlink_to("/etc/hostname")
    (knowledge / "utf16.txt").write_bytes("Tulips open in April.".encode("utf-16"))
    read = shipmate("ingest", folder)
    assert read.code == 0
    assert "2 added" in read.out
    for line in (
        "knowledge/picture.md: This is binary, though its name ends like a text's.",
        "knowledge/latin.txt:3: This is not UTF-8: byte 9 does not belong there.\n  -> Save the file as UTF-8.",
        "knowledge/empty.html: There is no text in it.",
        "knowledge/outside.md: This link leads out of the folder.",
    ):
        assert line in read.err
    assert answers(folder)
    assert answers(folder, "When do tulips open?", "in April")


# A message.


@pytest.mark.parametrize(
    ("question", "code", "told"),
    [
        ("", 2, "The message is empty."),
        ("roses " * 1000, 2, "The message has 6000 characters; the limit is 4000."),
        ("\udcff\udcfe", 2, "half a surrogate pair"),
        ('roses AND (( title:* " ] OR', 0, ""),
    ],
)
def test_a_message_that_cannot_be_used_is_told(tmp_path: Path, question: str, code: int, told: str) -> None:
    asked = shipmate("ask", question, make_garden(tmp_path))
    assert asked.code == code
    assert told in asked.err


# Who is first.


def test_a_second_server_is_refused_and_a_question_is_not(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    with serving(folder) as (server, port):
        second = shipmate("serve", folder, "--port", "0")
        assert second.code == 4
        assert f"`shipmate serve` (process {server.pid})" in second.err
        assert f"kill {server.pid}" in second.err
        assert answers(folder)
        assert shipmate("upgrade", folder).code == 4
        other = shipmate("serve", make_garden(tmp_path / "other"), "--port", str(port))
        assert other.code == 4
        assert f"Another program listens on 127.0.0.1:{port}.\n  -> Stop it, or choose another --port." in other.err
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        assert server.stderr
        assert server.stderr.read() == "No index yet: reading the documents first.\n"


def test_a_server_answers_from_what_is_ingested_while_it_runs(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    with serving(folder) as (server, port):
        (folder / "knowledge" / "tulips.md").write_text("# Tulips\n\nTulips open in April.\n")
        assert shipmate("ingest", folder).code == 0
        deadline = time.monotonic() + 10
        while "in April" not in ask_server(port, "When do tulips open?"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


def ask_server(port: int, question: str) -> str:
    body = json.dumps({"message": question}).encode()
    head = f"POST /chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_a_second_ingest_is_refused(tmp_path: Path) -> None:
    folder = large_garden(tmp_path)
    with begun("ingest", folder) as first:
        wait_until(lambda: (folder / ".shipmate" / "ingest.lock").exists() and holder(folder) == str(first.pid))
        # It holds its breath, so that it cannot end before the second one comes.
        first.send_signal(signal.SIGSTOP)
        second = shipmate("ingest", folder)
        assert second.code == 4
        assert f"`shipmate ingest` (process {first.pid})" in second.err
        first.kill()
    assert answers(folder, "When did plant 7 bloom?", "Plant 7 bloomed")


def holder(folder: Path) -> str:
    return (folder / ".shipmate" / "ingest.lock").read_text().rpartition(" ")[2]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Kills.


def large_garden(folder: Path, *, season: int = 0) -> Path:
    """Make more documents than one commit takes; every other one differs from season to season."""
    documents = {}
    for number in range(2200):
        year = season if number % 2 else 0
        documents[f"{number}.md"] = f"# Plant {number}\n\nPlant {number} bloomed in year {year}.\n"
    return make_garden(folder, documents)


def ingest_survives_kills(folder: Path, kills: int, chance: random.Random) -> None:
    """Kill ingests at random points; the index opens each time, and in the end it is as if nothing had happened."""
    for season in range(kills):
        large_garden(folder, season=season)
        with begun("ingest", folder) as process:
            wait_until((folder / ".shipmate").exists)
            time.sleep(chance.uniform(0.0, 1.5))
            process.kill()
        assert "does not open" not in shipmate("doctor", folder).out
    done = shipmate("ingest", folder)
    assert done.code == 0
    assert ", 0 skipped;" in done.out
    untouched = large_garden(folder.with_name("untouched"), season=kills - 1)
    assert shipmate("ingest", untouched).code == 0
    for question in ("When did plant 7 bloom?", "When did plant 2100 bloom?"):
        ours, theirs = (json.loads(shipmate("ask", "--json", question, each).out) for each in (folder, untouched))
        assert ours["text"] == theirs["text"]
        assert ours["release"] == theirs["release"]


@pytest.mark.timeout(120)
def test_an_ingest_that_was_killed_is_made_good_by_the_next(tmp_path: Path) -> None:
    ingest_survives_kills(large_garden(tmp_path / "garden"), 5, random.Random(SEED))


@pytest.mark.real
@pytest.mark.timeout(600)
def test_an_ingest_that_was_killed_forty_times_is_made_good_by_the_next(tmp_path: Path) -> None:
    ingest_survives_kills(large_garden(tmp_path / "garden"), 40, random.Random(SEED + 1))


# The disk.


def no_file_over(kib: int) -> tuple[str, ...]:
    """Run a command that may write no file larger than this."""
    return ("bash", "-c", f'trap "" XFSZ; ulimit -f {kib}; exec "$@"', "limited")


def test_a_write_that_fails_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    assert answers(folder)
    for number in range(300):
        (folder / "knowledge" / f"{number}.md").write_text(
            f"# Plant {number}\n\n" + "Green and tall, it grows.\n\n" * 100
        )
    failed = shipmate("ingest", folder, before=no_file_over(16))
    assert failed.code == 6
    assert "\n  -> " in failed.err
    assert "Traceback" not in failed.err
    found = json.loads(shipmate("search", "--json", "plant green", folder).out)
    assert {hit["passage"]["source"] for hit in found} == {"roses.md"}
    assert answers(folder)
    assert shipmate("ingest", folder).out.startswith("300 added, 0 changed, 0 removed, 1 unchanged")


def test_a_turn_that_cannot_be_kept_is_not_answered(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    assert answers(folder)
    failed = shipmate("ask", QUESTION, folder, before=no_file_over(4))
    assert (failed.code, failed.out) == (6, "")
    assert "\n  -> " in failed.err
    assert turns(folder) == 1
    assert answers(folder)
    assert turns(folder) == 2


def turns(folder: Path) -> int:
    with sqlite3.connect(folder / ".shipmate" / "shipmate.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (count,) = database.execute("SELECT count(*) FROM messages WHERE role = 'assistant'").fetchone()
    database.close()
    return int(count)


def test_a_file_that_is_written_on_a_full_disk_is_not_there(tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "garden")
    assert answers(folder)
    before = files_of(folder)
    for words in (
        ("check", "--lock", folder),
        ("backup", tmp_path / "saved.tar.gz", folder),
        ("init", tmp_path / "new"),
    ):
        failed = shipmate(*words, before=no_file_over(0))
        assert failed.code == 6, words
        assert "\n  -> " in failed.err
    # An empty lock file is made by whoever takes it first.
    assert {name: content for name, content in files_of(folder).items() if not name.endswith("shelf.lock")} == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "new"] == ["garden"]
    assert not files_of(tmp_path / "new")


def test_an_output_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    shipmate("ingest", folder)
    full = ("bash", "-c", 'exec "$@" >/dev/full', "full")
    for words in (("ask", QUESTION), ("ask", "--json", QUESTION), ("search", "roses")):
        failed = shipmate(*words, folder, before=full)
        assert failed.code == 6
        assert "The output or a file cannot be read or written: No space left on device." in failed.err


# A disk of its own, in a name space of its own: what it holds is gone with the process.
DISK = 'set -e; mount -t tmpfs -o size=1m disk "$1"; cp -r "$1"-before/. "$1"; cd "$1"; shift; '
FILL = "dd if=/dev/zero of=filler bs=1k 2>/dev/null || true; "
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-c")


def on_a_disk(tmp_path: Path, prepare: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a small disk that was prepared by a script; what it leaves is listed on standard output."""
    (tmp_path / "disk").mkdir(exist_ok=True)
    script = f'{DISK}{prepare}code=0; "$@" >/dev/null || code=$?; find . -type f ! -name filler | sort; exit $code'
    before = (*NAMESPACE, script, "disk", str(tmp_path / "disk"))
    ended = shipmate(*words, before=before)
    return subprocess.CompletedProcess(words, ended.code, ended.out, ended.err)


@pytest.mark.real
def test_a_full_disk_is_told_and_nothing_is_half_written(
    tmp_path: Path, required: Callable[[object, str], None]
) -> None:
    required(subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0, "unshare")
    make_garden(tmp_path / "disk-before")
    assert answers(tmp_path / "disk-before")
    kept = sorted(f"./{name}" for name in files_of(tmp_path / "disk-before"))
    for words in (("ask", QUESTION), ("backup", "saved.tar.gz"), ("check", "--lock"), ("init", "new"), ("upgrade",)):
        failed = on_a_disk(tmp_path, FILL, *words)
        assert failed.returncode == 6, (words, failed)
        assert re.search("no space", failed.stderr, re.IGNORECASE), failed.stderr
        assert "\n  -> " in failed.stderr
        left = [name for name in failed.stdout.splitlines() if not name.endswith((".lock", "-wal", "-shm"))]
        assert left == [name for name in kept if not name.endswith((".lock", "-wal", "-shm"))]
    (tmp_path / "disk-before" / "knowledge" / "tulips.md").write_text("# Tulips\n\nTulips open in April.\n")
    failed = on_a_disk(tmp_path, FILL, "ingest")
    assert failed.returncode == 6
    assert "No space is left for the search index" in failed.stderr
    mended = on_a_disk(tmp_path, f'{FILL}"$@" >/dev/null 2>&1 || true; rm filler; ', "ingest")
    assert mended.returncode == 0


@pytest.mark.real
def test_a_read_only_folder_is_told(tmp_path: Path, required: Callable[[object, str], None]) -> None:
    required(subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0, "unshare")
    make_garden(tmp_path / "disk-before")
    sealed = 'mount -o remount,ro "$PWD"; '
    for words in (("ask", QUESTION), ("ingest",), ("serve", "--port", "0"), ("check", "--lock"), ("init", "new")):
        failed = on_a_disk(tmp_path, sealed, *words)
        assert failed.returncode == 6, (words, failed)
        assert "Read-only file system" in failed.stderr
        assert "\n  -> " in failed.stderr
        assert failed.stdout == "./knowledge/roses.md\n"
    assert on_a_disk(tmp_path, sealed, "check").returncode == 0


# A state that was damaged.


def test_a_damaged_database_is_told_and_a_backup_mends_it(tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "garden")
    assert answers(folder)
    assert shipmate("backup", tmp_path / "saved.tar.gz", folder).code == 0
    database = folder / ".shipmate" / "shipmate.db"
    database.write_bytes(b"not a database at all" * 500)
    for words in (("ask", QUESTION), ("doctor",), ("upgrade",)):
        damaged = shipmate(*words, folder)
        assert damaged.code == 6
        assert "shipmate restore" in damaged.err + damaged.out
    assert shipmate("restore", tmp_path / "saved.tar.gz", folder).code == 0
    assert answers(folder)


def test_a_backup_that_was_cut_changes_nothing(tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "garden")
    assert answers(folder)
    archive = tmp_path / "saved.tar.gz"
    shipmate("backup", archive, folder)
    archive.write_bytes(archive.read_bytes()[:-200])
    before = files_of(folder / "knowledge"), turns(folder)
    cut = shipmate("restore", archive, folder)
    assert cut.code == 6
    assert "nothing was changed" in cut.err
    assert (files_of(folder / "knowledge"), turns(folder)) == before
    assert (folder / "knowledge" / "roses.md").read_text() == ROSES

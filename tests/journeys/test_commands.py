"""The command line as a newcomer meets it: through real processes, in pipes and on a terminal."""

import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import click
import pytest

from shipmate.cli.app import COMMANDS, EXIT_CODES, SECTIONS, app
from shipmate.cli.prose import unmarked
from shipmate.errors import ShipmateError
from tests.journeys.process import Terminal, begun, environment, make_garden, shipmate

QUESTION = "When are roses pruned?"
KEYS = "kind text citations confidence intent conversation_id turn_id usage latency_ms release".split()
# What `ask` does without: each costs a tenth of a second or more.
HEAVY = (
    "fastapi",
    "httptools",
    "importlib.metadata",
    "jinja2",
    "pydantic",
    "rich",
    "shipmate.knowledge.ingest",
    "uvicorn",
)


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assistant whose documents were read."""
    folder = make_garden(tmp_path_factory.mktemp("plants") / "garden")
    assert shipmate("ingest", folder).code == 0
    return folder


def test_a_new_assistant_answers_at_once(tmp_path: Path) -> None:
    made = shipmate("init", "my assistant", cwd=tmp_path)
    assert made.code == 0
    assert "shipmate ask 'How do I add documents?' 'my assistant'" in made.out
    answered = shipmate("ask", "How do I add documents?", "my assistant", cwd=tmp_path)
    assert answered.code == 0
    assert answered.err == "No index yet: reading the documents first.\n"
    assert answered.out.startswith("From the documents:\n\n")
    assert re.search(r"\n\n(\[\d\] Welcome  welcome\.md, characters \d+-\d+\n)+$", answered.out)
    assert shipmate("check", "my assistant", cwd=tmp_path).out == "No problems.\n"


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    shipmate("init", tmp_path / "garden")
    charter = tmp_path / "garden" / "charter.yml"
    charter.write_text("mine")
    again = shipmate("init", tmp_path / "garden")
    assert again.code == 2
    assert "Name a new folder." in again.err
    assert charter.read_text() == "mine"


def test_json_is_one_object_with_the_documented_keys_and_nothing_else(garden: Path) -> None:
    asked = shipmate("ask", "--json", QUESTION, garden)
    assert asked.err == ""
    assert asked.out.count("\n") == 1
    reply = json.loads(asked.out)
    assert list(reply) == KEYS
    assert reply["kind"] == "answer"
    assert reply["release"].startswith("dev-")
    (citation,) = reply["citations"]
    assert list(citation) == ["source", "title", "quote", "start", "end"]
    document = (garden / "knowledge" / citation["source"]).read_text(encoding="utf-8")
    assert document[citation["start"] : citation["end"]] == citation["quote"]


def test_a_refusal_is_one_line(garden: Path) -> None:
    refused = shipmate("ask", "What is the capital of France?", garden)
    assert refused.code == 0
    assert refused.out == "I did not find this in the documents. Try other words, or ask a person.\n"


def test_the_folder_is_this_one_by_default(garden: Path) -> None:
    assert "in March" in shipmate("ask", QUESTION, cwd=garden).out


def test_question_and_folder_in_the_wrong_order_are_noticed(garden: Path) -> None:
    for command in ("ask", "search"):
        mixed = shipmate(command, garden, QUESTION)
        assert mixed.code == 2
        assert "The question comes first, then the folder." in mixed.err


def test_documents_beside_the_missing_knowledge_folder_are_explained(tmp_path: Path) -> None:
    (tmp_path / "roses.md").write_text("# Roses\n\nThey are red.\n")
    asked = shipmate("ask", "Are roses red?", tmp_path)
    assert asked.code == 3
    assert "There is no folder `knowledge`." in asked.err
    (tmp_path / "sources.yml").write_text("version: 1\nfolders: [.]\n")
    assert "They are red." in shipmate("ask", "Are roses red?", tmp_path).out


def test_names_and_words_of_any_script_go_through(tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "мой сад", {"розы 🌹.md": "# Розы\n\nРозы обрезают в марте.\n"})
    asked = shipmate("ask", "Когда обрезают розы?", folder)
    assert "Розы обрезают в марте. [1]" in asked.out
    assert "розы 🌹.md" in asked.out


def test_a_terminal_shows_styles_instead_of_marks_and_breaks_lines_between_words(tmp_path: Path) -> None:
    text = (
        "# Tools\n\nThe **sharp** shears hang in the `shed` behind the [old gate](https://garden.example/gate), left.\n"
    )
    folder = make_garden(tmp_path, {"tools.md": text})
    shipmate("ingest", folder)
    with Terminal("ask", "Where do the sharp shears hang?", folder) as terminal:
        assert terminal.ended() == 0
        assert (
            "The sharp shears hang in the shed behind the old gate\n(https://garden.example/gate), left. [1]\n"
            in terminal.text
        )
        assert "\x1b[36mshed\x1b[0m" in terminal.screen
    with Terminal("ask", "Where do the sharp shears hang?", folder, NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", terminal.screen)
    piped = shipmate("ask", "Where do the sharp shears hang?", folder)
    assert "The **sharp** shears hang in the `shed`" in piped.out
    assert "\x1b" not in piped.out


def test_a_block_of_code_is_shown_as_it_is_without_its_fence() -> None:
    text = "Run this:\n\n```sh run\n# a **comment**\nmake `demo`\n``` [1]\n\n## Then\n\nRest."
    pieces = [piece for piece in unmarked(text) if piece[0]]
    assert "".join(piece for piece, _ in pieces) == ("Run this:\n\n# a **comment**\nmake `demo` [1]\n\nThen\n\nRest.")
    assert ("# a **comment**\nmake `demo`", "cyan") in pieces
    assert ("Then", "bold") in pieces


def test_no_document_steers_the_terminal(tmp_path: Path) -> None:
    title = "Danger \x1b]0;owned\x07 zone"
    folder = make_garden(tmp_path, {"zone.md": f"# {title}\n\nThe danger \x1b[2Jzone \x9b31mis here.\n"})
    shipmate("ingest", folder)
    for words in (("ask", "Where is the danger zone?"), ("search", "danger zone")):
        with Terminal(*words, folder) as terminal:
            assert terminal.ended() == 0
            assert "zone" in terminal.text
            assert not re.search("\x1b]|\x1b\\[2J|\x07|\x9b", terminal.screen)


def test_a_chat_understands_follow_ups_and_leaves_with_ctrl_d(garden: Path) -> None:
    with Terminal("chat", garden) as chat:
        chat.wait_for("> ")
        assert "You are talking to an AI assistant." in chat.text
        chat.press("/why\n")
        chat.wait_for("There is no answer yet.")
        chat.press(f"{QUESTION}\n")
        chat.wait_for("[1] Roses  roses.md")
        chat.press("and how much sun do they want?\n")
        chat.wait_for("six hours of sun")
        chat.press("/why\n")
        chat.wait_for("Taken as  ")
        chat.press("/new\n")
        chat.wait_for("A new conversation begins.")
        chat.press("/help\n")
        chat.wait_for("There is no /help: /new begins anew")
        chat.wait_for_prompt()
        chat.press("\x04")
        assert chat.ended() == 0


def test_ctrl_c_at_the_prompt_leaves(garden: Path) -> None:
    with Terminal("chat", garden) as chat:
        chat.wait_for("> ")
        chat.process.send_signal(signal.SIGINT)
        assert chat.ended() == 130
        assert "Traceback" not in chat.text


def test_a_chat_in_a_pipe_is_answers_alone(garden: Path) -> None:
    talk = shipmate("chat", garden, stdin=f"{QUESTION}\n\n/quit\nnever asked\n")
    assert talk.code == 0
    assert talk.out.startswith("From the documents:\n\nRoses are pruned in March")
    assert ">" not in talk.out


def test_one_person_at_a_terminal_may_ask_as_fast_as_they_can(garden: Path) -> None:
    talk = shipmate("chat", garden, stdin=f"{QUESTION}\n" * 14)
    assert talk.out.count("[1] Roses  roses.md") == 14


def test_a_turn_is_explained(garden: Path) -> None:
    reply = json.loads(shipmate("ask", "--json", QUESTION, garden).out)
    explained = shipmate("explain", reply["turn_id"], garden)
    assert explained.code == 0
    for line in (f"Question  {QUESTION}", "Reply     answer", "Passages", "lexical", "[1]  roses.md", "Time", "search"):
        assert line in explained.out
    trace = json.loads(shipmate("explain", "--json", reply["turn_id"], garden).out)
    assert trace["reply"] == reply
    unknown = shipmate("explain", "no-such-turn", garden)
    assert (unknown.code, unknown.out) == (5, "")


def test_a_conversation_is_forgotten_by_its_id(garden: Path) -> None:
    question = "When are roses pruned by Ottilie?"
    reply = json.loads(shipmate("ask", "--json", question, garden).out)
    assert question.encode() in (garden / ".shipmate" / "shipmate.db").read_bytes()
    forgotten = shipmate("forget", reply["conversation_id"], garden)
    assert (forgotten.code, forgotten.out.splitlines()[0]) == (
        0,
        f"Erased 1 conversation of {reply['conversation_id']}.",
    )
    assert question.encode() not in (garden / ".shipmate" / "shipmate.db").read_bytes()
    assert shipmate("explain", reply["turn_id"], garden).code == 5
    again = shipmate("forget", reply["conversation_id"], garden)
    assert (again.code, "Nothing is kept of" in again.err) == (5, True)


def test_a_conversation_goes_on_by_its_id(garden: Path) -> None:
    first = json.loads(shipmate("ask", "--json", QUESTION, garden).out)
    id_ = first["conversation_id"]
    second = json.loads(shipmate("ask", "--json", "--conversation", id_, "and how much sun do they want?", garden).out)
    assert second["conversation_id"] == id_
    assert "six hours" in second["text"]
    assert shipmate("ask", "--conversation", "unknown", QUESTION, garden).code == 5


def test_search_shows_passages_with_scores(garden: Path) -> None:
    assert re.match(
        r"1\. Roses  \d\.\d{3} \(dense .*, graph .*, lexical .*\)\n   roses\.md, characters \d+-\d+\n",
        shipmate("search", "sun", garden).out,
    )
    hits = json.loads(shipmate("search", "--json", "--limit", "1", "sun", garden).out)
    assert [hit["passage"]["source"] for hit in hits] == ["roses.md"]
    assert shipmate("search", "submarine", garden).out == "Nothing found.\n"


def test_the_graph_is_shown_with_the_sentence_behind_every_edge(tmp_path: Path) -> None:
    documents = {
        "roses.md": "# Roses\n\nThe roses grow beside the Old Wall. Anna Berg prunes them.\n",
        "wall.md": "# Wall\n\nAnna Berg mends the Old Wall in May.\n",
    }
    folder = make_garden(tmp_path, documents)
    (folder / "relations.yml").write_text("version: 1\nrelations:\n  - Old Wall needs Mortar\n")
    shown = shipmate("graph", "show", "old wall", folder)
    assert shown.out.startswith("Old Wall\nOld Wall needs Mortar\n   relations.yml, line 3\n")
    assert "wall.md, characters " in shown.out
    beside = shipmate("graph", "neighbours", "Old Wall", folder).out
    assert re.search(
        r"^Anna Berg  mentions\n   \w+\.md, characters \d+-\d+\n   (Anna Berg|The roses)", beside, re.MULTILINE
    )
    way = shipmate("graph", "path", "Anna Berg", "Mortar", folder).out
    assert re.findall(r"^(.*) → (.*)$", way, re.MULTILINE) == [("Anna Berg", "Old Wall"), ("Old Wall", "Mortar")]
    record = json.loads(shipmate("graph", "show", "--json", "--limit", "1", "Anna Berg", folder).out)
    assert record["about"] == "Anna Berg"
    assert len(record["entities"]) == 1
    assert json.loads(shipmate("graph", "path", "--json", "Mortar", "Anna Berg", folder).out)["legs"]


def test_a_name_that_no_document_knows_is_answered_with_those_that_come_near(tmp_path: Path) -> None:
    folder = make_garden(tmp_path, {"a.md": "# Roses\n\nThey bloom.\n", "b.md": "# Tulips\n\nThey too.\n"})
    unknown = shipmate("graph", "show", "Rosses", folder)
    assert unknown.code == 5
    assert "Did you mean `Roses`?" in unknown.err
    assert shipmate("graph", "path", "Roses", "Tulips", folder).out == "No way leads from one to the other.\n"


def test_a_line_that_declares_nothing_is_named(tmp_path: Path) -> None:
    folder = make_garden(tmp_path)
    (folder / "relations.yml").write_text("version: 1\nrelations:\n  - Roses Sun\n")
    checked = shipmate("check", folder)
    assert checked.code == 3
    assert "relations.yml:3: This is no relation: `Roses Sun`." in checked.err
    (folder / "relations.yml").unlink()
    (folder / "knowledge" / "sun.md").write_text("---\nrelations:\n  - Roses Sun\n---\n# Sun\n\nIt shines.\n")
    read = shipmate("ingest", folder)
    assert read.code == 0
    assert "knowledge/sun.md:3: This is no relation: `Roses Sun`." in read.err
    assert "2 added" in read.out


def test_a_reader_that_has_seen_enough_is_no_error(garden: Path) -> None:
    for words in (("ask", QUESTION), ("ask", "--json", QUESTION), ("search", "sun")):
        with begun(*words, garden) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            assert process.stderr.read() == ""
            assert process.wait() == 0


def test_ingest_reports_what_changed_and_names_what_it_skips(tmp_path: Path) -> None:
    folder = make_garden(tmp_path, {"a.md": "# A\n\nApples fall.\n", "b.md": "# B\n\nBeans climb.\n"})
    (folder / "knowledge" / "c.rtf").write_bytes(b"{rtf}")
    first = shipmate("ingest", folder)
    assert first.out == "2 added, 0 changed, 0 removed, 0 unchanged, 1 skipped (1 unknown kind); 2 new passages.\n"
    assert "Not read: 1 of the kind .rtf." in first.err
    (folder / "knowledge" / "a.md").unlink()
    (folder / "knowledge" / "b.md").write_text("# B\n\nBeans twine.\n")
    assert shipmate("ingest", folder).out.startswith("0 added, 1 changed, 1 removed, 0 unchanged")


def test_ingest_follows_changes_until_it_is_told_to_stop(tmp_path: Path) -> None:
    folder = make_garden(tmp_path, {"a.md": "# A\n\nApples fall.\n"})
    with begun("ingest", folder, "--watch") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith("1 added")
        (folder / "knowledge" / "b.csv").write_text("plant,height\nbean,2 m\n")
        assert process.stdout.readline().startswith("1 added, 0 changed, 0 removed, 1 unchanged")
        (folder / "knowledge" / "a.md").unlink()
        assert process.stdout.readline().startswith("0 added, 0 changed, 1 removed, 1 unchanged")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        assert process.stderr.read() == ""


def test_who_may_see_documents_is_read_anew_before_each_ingest(tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "garden", {"a.md": "# A\n\nApples fall.\n"})
    (tmp_path / "sheds").mkdir()
    (tmp_path / "sheds" / "c.md").write_text("# C\n\nCats sleep.\n")
    with begun("ingest", folder, "--watch") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith("1 added")
        restricted = (
            "version: 1\nfolders: [{path: knowledge, audience: [staff]}, {path: ../sheds, audience: [staff]}]\n"
        )
        (folder / "sources.yml").write_text(restricted)
        assert process.stdout.readline().startswith("1 added, 1 changed")
        assert shipmate("search", "apples cats", folder).out == "Nothing found.\n"
        (folder / "sources.yml").write_text("version: 1\nfolder: [knowledge]\n")
        assert "`folder` is not known" in process.stderr.readline()
        (tmp_path / "sheds" / "c.md").write_text("# C\n\nCats sleep long.\n")
        (folder / "sources.yml").write_text(restricted)
        assert process.stdout.readline().startswith("0 added, 1 changed, 0 removed, 1 unchanged")
        assert shipmate("search", "apples cats", folder).out == "Nothing found.\n"


def test_a_terminal_shows_progress_and_a_pipe_does_not(tmp_path: Path) -> None:
    folder = make_garden(tmp_path, {f"{n}.md": f"# {n}\n\nPlant number {n} is green.\n" for n in range(40)})
    with Terminal("ingest", folder) as terminal:
        assert terminal.ended() == 0
        assert "Reading documents" in terminal.text
        assert "Embedding passages" in terminal.text
        assert re.search(r"40/40 +[\d.]+ \w*B/s +\d+:\d\d:\d\d", terminal.text)
    assert shipmate("ingest", folder).err == ""


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    folder = make_garden(tmp_path / "garden")
    early = json.loads(shipmate("ask", "--json", QUESTION, folder).out)["turn_id"]
    saved = shipmate("backup", tmp_path / "monday.tar.gz", folder)
    assert re.match(r"Saved to .*monday\.tar\.gz \([\d,]+ bytes\)\.\n", saved.out)
    late = json.loads(shipmate("ask", "--json", QUESTION, folder).out)["turn_id"]
    restored = shipmate("restore", tmp_path / "monday.tar.gz", folder)
    assert restored.code == 0
    assert "The state from before is kept in" in restored.out
    assert shipmate("explain", early, folder).code == 0
    assert shipmate("explain", late, folder).code == 5
    assert shipmate("upgrade", folder, "--dry-run").out == "Nothing to do: the state is of this version.\n"


def test_doctor_finds_what_is_amiss(tmp_path: Path, garden: Path) -> None:
    well = shipmate("doctor", garden)
    assert well.code == 0
    assert "The index holds 1 passage of 1 document." in well.out
    empty = shipmate("doctor", make_garden(tmp_path))
    assert empty.code == 5
    assert "run `shipmate ingest" in empty.out
    (tmp_path / "stack.yml").write_text(
        "version: 1\nmodel: {adapter: openai_compatible, base_url: 'http://127.0.0.1:9/v1', model: m}\n"
    )
    shipmate("ingest", tmp_path)
    unanswered = shipmate("doctor", tmp_path)
    assert unanswered.code == 7
    assert "until then answers are quotes" in unanswered.out


def test_check_freezes_the_stack_and_holds_it(tmp_path: Path) -> None:
    stack = make_garden(tmp_path) / "stack.yml"
    stack.write_text("version: 1\nfrozen_until: 2999-01-01\nmodel: extractive\n")
    assert "Run `shipmate check --lock`" in shipmate("check", tmp_path).err
    assert shipmate("check", "--lock", tmp_path).out == "Wrote stack.lock.\nNo problems.\n"
    stack.write_text(
        "version: 1\nfrozen_until: 2999-01-01\nmodel: {adapter: openai_compatible, base_url: 'http://x/v1', model: m}\n"
    )
    changed = shipmate("check", tmp_path)
    assert changed.code == 3
    assert "stack.yml:3: [C060] `model` is frozen" in changed.err


def test_ctrl_c_ends_an_ingest_quietly_and_the_next_one_goes_on(tmp_path: Path) -> None:
    folder = make_garden(tmp_path, {f"{n}.md": "# A\n\n" + "Apples fall far from here.\n\n" * 400 for n in range(200)})
    with begun("ingest", folder) as process:
        assert process.stderr
        while not (folder / ".shipmate" / "index").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.stderr.read()
        assert process.wait() == 130
    assert ", 0 skipped;" in shipmate("ingest", folder).out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_has_a_help_with_an_example_that_it_understands(command: click.Command) -> None:
    assert command.help
    assert len(command.help.split("\n")[0]) <= 60
    assert command.epilog
    example = command.epilog.split("\n")[-1].strip()
    program, name, *words = re.findall(r"'[^']*'|\S+", example)
    assert (program, name) == ("shipmate", command.name)
    command.make_context(name, words, parent=click.Context(app, **app.context_settings))


def test_help_is_short_and_version_is_told() -> None:
    assert len(shipmate("--help").out.splitlines()) <= len(COMMANDS) + len(SECTIONS) * 2 + 16
    assert re.fullmatch(r"shipmate \d+\.\d+\.\d+\S*\n", shipmate("--version").out)
    slip = shipmate("aks")
    assert slip.code == 2
    assert "Did you mean 'ask'?" in slip.err


def every_error(kind: type[ShipmateError]) -> set[type[ShipmateError]]:
    return {kind}.union(*(every_error(child) for child in kind.__subclasses__()))


def test_every_exit_code_of_an_error_is_documented() -> None:
    assert {error.exit_code for error in every_error(ShipmateError)} < set(EXIT_CODES)


def test_ask_imports_only_what_it_needs(garden: Path) -> None:
    code = f"import sys; from shipmate.__main__ import main; sys.argv[1:] = ['ask', {QUESTION!r}, {str(garden)!r}]\n"
    code += f"try: main()\nfinally: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    ran = shipmate(before=(sys.executable, "-c", code, "#"))
    assert ran.err == "[]\n"


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has one thread anyway")
def test_numpy_starts_no_threads_of_its_own() -> None:
    code = "import os, shipmate.__main__, numpy; print(len(os.listdir('/proc/self/task')))"
    bare = {name: value for name, value in environment().items() if not name.endswith("_NUM_THREADS")}
    ran = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n"


@pytest.mark.real
def test_ask_takes_at_most_half_a_second_of_cpu(garden: Path) -> None:
    def cpu_s() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        shipmate("ask", QUESTION, garden)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert statistics.median(cpu_s() for _ in range(7)) <= 0.5


def test_a_block_hides_and_is_taken_back(tmp_path: Path) -> None:
    """The effect is told first and saves nothing; then the passage is gone from the next answer, and comes back."""
    folder = make_garden(tmp_path / "garden")
    assert shipmate("ingest", folder).code == 0
    reply = json.loads(shipmate("ask", QUESTION, folder, "--json").out)
    source = reply["citations"][0]["source"]
    foreseen = shipmate("block", source, folder, "--dry-run")
    assert foreseen.code == 0
    assert "1 of the last 1 questions would change." in foreseen.out
    assert not (folder / "curation.yml").exists()
    effect = json.loads(shipmate("block", source, folder, "--reason", "Old: out of date.", "--json").out)
    assert effect["changed"][0]["before"]["answer"] == reply["text"]
    assert f'{{passage: {source}, reason: "Old: out of date."}}' in (folder / "curation.yml").read_text()
    hidden = json.loads(shipmate("ask", QUESTION, folder, "--json").out)
    assert hidden["text"] == effect["changed"][0]["after"]["answer"]
    assert source not in {citation["source"] for citation in hidden["citations"]}
    assert shipmate("block", source, folder).code == 2
    assert shipmate("block", "no-such.md", folder).code == 5
    assert shipmate("unblock", source, folder).code == 0
    assert json.loads(shipmate("ask", QUESTION, folder, "--json").out)["text"] == reply["text"]
    assert shipmate("unblock", source, folder).code == 2

"""A repair holds at once while an assistant serves, and does what its preview has said."""

import asyncio
from pathlib import Path

import pytest

from shipmate import bootstrap, running
from shipmate.curation import Change
from shipmate.curator import Curator
from shipmate.errors import Missing, UsageError
from shipmate.messages import LOCAL, Ask, Finished, Reply, ReplyKind
from shipmate.turn import Assistant

PAGES = {
    "roses.md": "# Roses\n\nRoses are pruned in March, when the frost is over.\n",
    "tulips.md": "# Tulips\n\nTulips are planted in October.\n\nTulips bloom in April and in May.\n",
    "trimming.md": "# Trimming\n\nRoses should be pruned in late autumn with clean shears.\n",
}
WAGES = "---\naudience: [staff]\n---\n# Wages\n\nThe gardener who prunes roses earns 4,200 euros a month.\n"
FAQ = "version: 1\nfaq:\n  - question: Who waters the roses?\n    answer: Ask the roses.\n"
QUESTIONS = ("When are roses pruned?", "When do tulips bloom?", "Who waters the roses?", "When are tulips set?")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    for name, text in {**PAGES, "wages.md": WAGES}.items():
        (tmp_path / "knowledge" / name).write_text(text)
    (tmp_path / "faq.yml").write_text(FAQ)
    (tmp_path / "stack.yml").write_text("version: 1\ngroups:\n  desk: [staff]\n")
    bootstrap.ingest(bootstrap.load(tmp_path), progress=lambda _: None)
    return tmp_path


async def told(assistant: Assistant, question: str, caller: str = LOCAL, consent: str = "") -> Reply:
    *_, finished = [event async for event in assistant.turn(Ask(text=question, caller=caller, consent_id=consent))]
    assert isinstance(finished, Finished)
    return finished.reply


async def sources(assistant: Assistant, reply: Reply, caller: str = LOCAL) -> list[str]:
    return [passage.source for passage in (await assistant.trace(reply.turn_id, caller)).passages]


async def test_a_block_made_elsewhere_hides_from_the_next_turn_on(folder: Path) -> None:
    """What is blocked is not found, quoted, cited or shown beside an answer that cited it; unblocked, it is there again."""
    async with bootstrap.open_house(bootstrap.load(folder)) as house:
        assistant = house.assistant
        before = await told(assistant, QUESTIONS[0])
        cited = before.citations[0]
        async with bootstrap.open_house(bootstrap.load(folder)) as elsewhere:
            elsewhere.curator.make(Change(action="block", passage=cited.source, reason="Old."), LOCAL)
        after = await told(assistant, QUESTIONS[0])
        assert after.release != before.release
        assert cited.source not in await sources(assistant, after)
        assert cited.source not in {citation.source for citation in after.citations}
        assert not await assistant.passages_around(cited.source, cited.start, cited.end, LOCAL)
        (folder / "curation.yml").unlink()
        again = await told(assistant, QUESTIONS[0])
        assert (again.text, again.release) == (before.text, before.release)


async def test_a_broken_file_leaves_in_force_what_was(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with bootstrap.open_house(bootstrap.load(folder)) as house:
        assistant, curator = house.assistant, house.curator
        curator.make(Change(action="block", passage="roses.md"), LOCAL)
        assert "roses.md" not in await sources(assistant, await told(assistant, QUESTIONS[0]))
        (folder / "curation.yml").write_text("version: 1\nblocks: [\n")
        assert "roses.md" not in await sources(assistant, await told(assistant, QUESTIONS[0]))
        assert "curation.yml" in caplog.text


async def test_verbatim_answers_stay(folder: Path) -> None:
    async with bootstrap.open_house(bootstrap.load(folder)) as house:
        assistant, curator = house.assistant, house.curator
        for source in PAGES:
            curator.make(Change(action="block", passage=source), LOCAL)
        assert (await told(assistant, QUESTIONS[2])).text == "Ask the roses."
        assert (await told(assistant, QUESTIONS[0])).kind is ReplyKind.REFUSE


@pytest.mark.parametrize(
    "change",
    [
        Change(action="block", passage="roses.md"),
        Change(action="block", passage="tulips.md#42-80"),
        Change(action="pin", question="when do tulips bloom", passage="trimming.md"),
        Change(action="join", words=("tulips", "frost")),
    ],
    ids=lambda change: change.action,
)
async def test_what_the_preview_tells_is_what_happens(folder: Path, change: Change) -> None:
    async with bootstrap.open_house(bootstrap.load(folder), shared=False) as house:
        assistant, curator = house.assistant, house.curator
        before = {question: await told(assistant, question) for question in QUESTIONS}
        effect = await curator.effect(change, LOCAL)
        assert not (folder / "curation.yml").exists()
        curator.make(change, LOCAL)
        foreseen = {changed.question: changed for changed in effect.changed}
        assert foreseen
        assert effect.questions == len(QUESTIONS)
        for question in QUESTIONS:
            reply = await told(assistant, question)
            trace = await assistant.trace(reply.turn_id, LOCAL)
            passages = tuple(f"{passage.source}#{passage.start}-{passage.end}" for passage in trace.passages[:3])
            if question in foreseen:
                was, becomes = foreseen[question].before, foreseen[question].after
                assert (was.answer, becomes.answer) == (before[question].text, reply.text)
                assert becomes.passages == passages
                assert was != becomes
            else:
                assert reply.text == before[question].text


async def test_others_questions_are_counted_and_shown_only_with_consent(folder: Path) -> None:
    async with bootstrap.open_house(bootstrap.load(folder)) as house:
        assistant, curator = house.assistant, house.curator
        await told(assistant, QUESTIONS[0], caller="device-a")
        await told(assistant, "When should roses be pruned?", caller="device-a", consent="c1")
        effect = await curator.effect(Change(action="block", passage="roses.md"), LOCAL)
        assert [changed.question for changed in effect.changed] == ["When should roses be pruned?"]
        assert (effect.questions, effect.unshown) == (2, 1)


async def test_nobody_repairs_or_previews_what_they_may_not_see(folder: Path) -> None:
    async with bootstrap.open_house(bootstrap.load(folder)) as house:
        assistant, curator = house.assistant, house.curator
        await told(assistant, "What does the gardener earn?", caller="desk")
        for change in (
            Change(action="block", passage="wages.md"),
            Change(action="pin", question="wages", passage="wages.md"),
        ):
            with pytest.raises(Missing, match="There is no passage"):
                await curator.effect(change, "device-a")
            with pytest.raises(Missing):
                curator.make(change, "device-a")
        curator.make(Change(action="pin", question="When are roses pruned?", passage="wages.md"), "desk")
        assert (await sources(assistant, await told(assistant, QUESTIONS[0], "desk"), "desk"))[0] == "wages.md"
        assert "wages.md" not in await sources(assistant, await told(assistant, QUESTIONS[0]))


async def test_a_repair_that_changes_nothing_is_refused(folder: Path) -> None:
    async with bootstrap.open_house(bootstrap.load(folder)) as house:
        curator = house.curator
        curator.make(Change(action="block", passage="roses.md"), LOCAL)
        with pytest.raises(UsageError, match="already"):
            curator.make(Change(action="block", passage="roses.md"), LOCAL)


async def test_a_block_survives_an_ingest_that_cuts_the_document_anew(folder: Path) -> None:
    async with bootstrap.open_house(bootstrap.load(folder)) as house:
        assistant, curator = house.assistant, house.curator
        curator.make(Change(action="block", passage="roses.md"), LOCAL)
        (folder / "knowledge" / "roses.md").write_text(
            "# Roses\n\nRoses are pruned in early spring, says the new book.\n"
        )
        await asyncio.to_thread(bootstrap.ingest, bootstrap.load(folder), progress=lambda _: None)
        await asyncio.sleep(running.FOLLOW_S + 0.5)
        assert "roses.md" not in await sources(assistant, await told(assistant, "What does the new book say of roses?"))


def test_check_and_ingest_warn_of_what_is_not_there(folder: Path) -> None:
    (folder / "curation.yml").write_text("version: 1\nblocks:\n  - roses.md\n  - rose.md\n")
    (warning,) = bootstrap.adrift(bootstrap.load(folder))
    assert (warning.file, warning.line, warning.warning) == ("curation.yml", 4, True)
    assert warning in bootstrap.check(folder)


def test_the_curator_is_the_search_pages(folder: Path) -> None:
    async def legs() -> list[dict[str, float]]:
        async with bootstrap.open_house(bootstrap.load(folder)) as house:
            curator = house.curator
            assert isinstance(curator, Curator)
            return [hit.legs for hit in await curator.search(QUESTIONS[0], LOCAL)]

    assert {"lexical", "dense"} <= asyncio.run(legs())[0].keys()

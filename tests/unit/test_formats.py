"""Every kind of file becomes a document, or says in one line why it cannot, whatever is in it."""

import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.errors import Problem
from shipmate.knowledge.blocks import BlockKind, Document
from shipmate.knowledge.chunk import chunk
from shipmate.knowledge.documents import File
from shipmate.knowledge.formats import parse
from shipmate.knowledge.parser_process import ParserProcess
from shipmate.messages import Passage
from shipmate.sources import DocumentFolder
from tests.office_files import docx, locked_pdf, pdf


@pytest.fixture(scope="module")
def parsers() -> Iterator[ParserProcess]:
    with ParserProcess() as made:
        yield made


NOBODY = ParserProcess()


def parsed(
    name: str,
    data: bytes | str,
    parsers: ParserProcess = NOBODY,
    audience: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
) -> Document | Problem:
    entry = File(DocumentFolder(path=Path("knowledge"), prefix="", audience=audience), name, 0, columns)
    return parse(entry, data if isinstance(data, bytes) else data.encode(), parsers)


def passages(name: str, data: bytes | str, parsers: ParserProcess = NOBODY, **how: tuple[str, ...]) -> list[Passage]:
    document = parsed(name, data, parsers, **how)
    assert isinstance(document, Document), document
    return chunk(document)


def problem(name: str, data: bytes | str, parsers: ParserProcess = NOBODY, **how: tuple[str, ...]) -> Problem:
    found = parsed(name, data, parsers, **how)
    assert isinstance(found, Problem), found
    assert found.what
    assert found.do
    assert found.reason
    return found


SENTENCE = "The pump must be primed before it is used for the first time, or it will run hot."


def test_pdf_passages_carry_their_pages_and_bookmarks(parsers: ParserProcess) -> None:
    pages = [["Pump manual", "Safety", SENTENCE], ["Upkeep", "Clean the seal", "every week."]]
    found = passages("pump.pdf", pdf(pages, [("Safety", 0), ("Upkeep", 1)]), parsers)
    assert [(one.page, one.headings, one.text) for one in found] == [
        (1, (), "Pump manual"),
        (1, ("Safety",), SENTENCE),
        (2, ("Upkeep",), "Clean the seal\nevery week."),
    ]
    assert found[2].cited_as == "pump, p. 2"
    named = pdf(pages, title="The pump")
    assert {one.title for one in passages("pump.pdf", named, parsers)} == {"The pump"}
    unnamed = pdf(pages, title="Microsoft Word - pump.doc")
    assert {one.title for one in passages("pump.pdf", unnamed, parsers)} == {"pump"}
    document = parsed("pump.pdf", pdf(pages), parsers)
    assert isinstance(document, Document)
    assert document.title == "pump"
    for one in chunk(document):
        assert document.text[one.start : one.end] == one.text


def test_running_heads_and_page_numbers_are_no_text(parsers: ParserProcess) -> None:
    numbers = [4, 8, 15, 16, 23, 42]
    pages = [["ACME handbook", f"Rule {n} is kept by all.", f"Page {at} of 6"] for at, n in enumerate(numbers, 1)]
    found = passages("a.pdf", pdf(pages), parsers)
    assert [one.text for one in found] == [f"Rule {n} is kept by all." for n in numbers]
    chapters = [[f"Chapter {n} of the garden {at}", f"Grow {n}."] for at, n in enumerate(numbers, 7)]
    assert [one.text for one in passages("a.pdf", pdf(chapters), parsers)] == [f"Grow {n}." for n in numbers]
    assert "Rule 4" in passages("a.pdf", pdf([own[1:2] for own in pages]), parsers)[0].text
    assert [one.page for one in found] == [1, 2, 3, 4, 5, 6]


def test_docx_keeps_headings_lists_tables_and_accents(parsers: ParserProcess) -> None:
    def paragraph(words: str, style: str = "") -> str:
        styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f"<w:p>{styled}<w:r><w:t>{words}</w:t></w:r></w:p>"

    cells = "".join(f"<w:tc>{paragraph(words)}</w:tc>" for words in ("Seal", "12 €"))
    body = paragraph("Wärmepumpe", "Heading1") + paragraph(SENTENCE) + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    (found,) = passages("a.docx", docx(body), parsers)
    assert found.title == "Wärmepumpe"
    assert found.text.startswith(SENTENCE)
    assert found.text.split()[-3:] == ["Seal", "12", "€"]


def test_broken_office_files_say_why(parsers: ParserProcess) -> None:
    whole = pdf([["words"]])
    word = docx("<w:p/>")
    bomb = docx("", {"word/document.xml": b" " * (65 * 1024 * 1024)})
    told = {
        "locked.pdf": (locked_pdf(), "encrypted"),
        "text.pdf": (b"just words", "not that"),
        "word.pdf": (word, "not that"),
        "cut.pdf": (b"%PDF-1.7\n1 0 obj", "damaged"),
        "scan.pdf": (pdf([[], []]), "no text layer"),
        "long.pdf": (pdf([[]] * 10_000), "too many pages"),
        "empty.docx": (word, "empty"),
        "old.docx": (b"\xd0\xcf\x11\xe0" + bytes(600), "encrypted"),
        "pdf.docx": (whole, "not that"),
        "cut.docx": (word[: len(word) // 2], "damaged"),
        "other.docx": (docx("", {"word/document.xml": "<no"}), "damaged"),
        "bomb.docx": (bomb, "too large inside"),
        "none.pdf": (b"", "not that"),
    }
    assert {name: problem(name, data, parsers).reason for name, (data, _) in told.items()} == {
        name: code for name, (_, code) in told.items()
    }
    assert "10,000 pages, and at most 5,000" in problem("a.pdf", told["long.pdf"][0], parsers).what
    assert len(passages("a.pdf", whole, parsers)) == 1


def test_zip_that_lies_about_its_size_is_damaged(parsers: ParserProcess) -> None:
    data = bytearray(docx("", {"word/document.xml": b" " * (80 * 1024 * 1024)}))
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"word/document.xml"))
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert problem("a.docx", bytes(data), parsers).reason == "damaged"


def test_docx_that_swells_or_nests_without_end_is_given_up() -> None:
    deep = docx("<w:p>" * 300_000 + "</w:p>" * 300_000)
    wide = docx("<w:p/>" * 5_000_000)
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "word"}">' for n in range(12))
    laughing = docx("", {"word/document.xml": f"<!DOCTYPE d [{entities}]><d>&a11;</d>"})
    with ParserProcess(parse_s=3) as parsers:
        for data in (deep, wide, laughing):
            assert problem("a.docx", data, parsers).reason in {"damaged", "crashed", "too much memory", "too slow"}
        assert passages("a.docx", docx("<w:p><w:r><w:t>still here</w:t></w:r></w:p>"), parsers)


def test_reading_that_takes_too_long_is_ended() -> None:
    wide = docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 500_000)
    with ParserProcess(parse_s=0.7) as impatient:
        started = time.perf_counter()
        assert problem("a.docx", wide, impatient).reason == "too slow"
        assert time.perf_counter() - started < 10
        assert passages("a.pdf", pdf([["words"]]), impatient)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["a.pdf", "a.docx"]), st.data())
def test_damaged_office_files_never_harm(parsers: ParserProcess, name: str, draw: st.DataObject) -> None:
    words = "<w:p><w:r><w:t>words and more</w:t></w:r></w:p>"
    whole = pdf([["words and more"]] * 3, [("words", 0)]) if name == "a.pdf" else docx(words, packing=0)
    data = bytearray(whole)
    for at in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=8)):
        data[at] = draw.draw(st.integers(0, 255))
    damaged = parsed(name, bytes(data[: draw.draw(st.integers(0, len(data)))]), parsers)
    assert isinstance(damaged, Document) or (damaged.what and damaged.do and damaged.reason)
    assert isinstance(parsed(name, whole, parsers), Document)


def test_each_row_is_a_passage_with_its_columns() -> None:
    table = '\ufeffId;Question;Answer\r\n1;"How do I ""reset"" it?";"Hold the button.\r\nWait; it blinks."\r\n\r\n2;Price?;12 €;extra\r\n'
    first, second = passages("faq.csv", table)
    assert first.text == 'Id: 1\nQuestion: How do I "reset" it?\nAnswer:\nHold the button.\r\nWait; it blinks.'
    assert first.headings == ('How do I "reset" it?',)
    assert second.text == "Id: 2\nQuestion: Price?\nAnswer: 12 €\ncolumn 4: extra"
    text = table.removeprefix("\ufeff")
    at = second.text.index("12 €")
    assert text[slice(*second.in_source(at, at + 4))] == "12 €"
    whole = text[slice(*second.in_source(0, len(second.text)))]
    assert (whole[0], whole[-5:]) == ("2", "extra")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_dialects_are_told_apart(delimiter: str, end: str) -> None:
    table = end.join(delimiter.join(row) for row in (["name", "text"], ["a", f'"x{delimiter}{end}y"'], ["b", "z"]))
    assert [one.text for one in passages("a.csv", table)] == [
        f"name: a\ntext:\nx{delimiter}{end}y" if "\n" in end else f"name: a\ntext: x{delimiter}{end}y",
        "name: b\ntext: z",
    ]


def test_only_named_columns_are_read_in_their_order() -> None:
    table = "id,mail,text,title\n1,a@example.com,words,T\n"
    (one,) = passages("a.csv", table, columns=("title", "text"))
    assert one.text == "title: T\ntext: words"
    assert "no column `body`" in problem("a.csv", table, columns=("body",)).what
    assert problem("a.csv", 'a,b\n1,2\n3,"x\n').line == 3
    assert problem("a.csv", "a,b\n").reason == "empty"


def test_tables_without_end_are_refused_in_any_direction() -> None:
    assert "columns" in problem("a.csv", "a," * 1_000_000).what
    assert "cells" in problem("a.csv", "a,b\n" + "1," * 1_000_000).what
    assert problem("a.csv", 'a,b\n"' + '""' * 2_000_000 + '",2\n').reason == "too many blocks"
    assert problem("a.jsonl", '{"a": "' + "\\n" * 2_000_000 + 'x"}').reason == "too many blocks"
    assert "letters" in problem("a.jsonl", '{"a": "' + "x" * 5_000_000 + '"}').what
    assert "cells" in problem("a.jsonl", json.dumps(dict.fromkeys(map(str, range(100_000)), 1))).what


def test_json_lines_stand_where_their_offsets_say() -> None:
    lines = (
        '{"title": "Caf\\u00e9 \\ud83d\\ude00", "n": 12, "tags": ["x", {"y": 1}], "none": null}\n\n{"text": "a\\nb"}\n'
    )
    first, second = passages("a.jsonl", lines)
    assert first.text == 'title: Café 😀\nn: 12\ntags: ["x", {"y": 1}]'
    assert first.headings == ("Café 😀",)
    at = first.text.index("é")
    assert lines[slice(*first.in_source(at, at + 1))] == "\\u00e9"
    assert second.text == "text:\na\nb"
    for broken, line in (('{"a": 1}\n[2]\n', 2), ('{"a": 1}\n{"b"', 2), ('{"a":' + "[" * 100_000, 1)):
        assert problem("a.jsonl", broken).line == line


ROWS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "question"]), st.text(max_size=8) | st.integers(), min_size=1)
)


@given(ROWS, st.booleans())
def test_any_row_reads_as_it_was_written(rows: list[dict[str, str | int]], is_ascii: bool) -> None:  # noqa: FBT001
    lines = "".join(f"{json.dumps(row, ensure_ascii=is_ascii)}\n" for row in rows)
    document = parsed("a.jsonl", lines)
    if isinstance(document, Document):
        shown = [[f"{value}" for value in row.values() if f"{value}".strip()] for row in rows]
        assert [b for b in document.blocks if b.kind is not BlockKind.RECORD] == []
        for block, values in zip(document.blocks, filter(None, shown), strict=True):
            assert all(value in document.text[block.start : block.end] for value in values)


def test_front_matter_narrows_the_audience_and_never_widens_it() -> None:
    front = "---\ntitle: Pay\ndate: 2026-11-22T10:00\naudience: [hr, board]\n---\n# Salaries\n\nwords"
    (one,) = passages("a.md", front)
    assert (one.title, one.audience, one.date, one.text) == ("Pay", ("hr", "board"), "2026-11-22", "words")
    assert passages("a.md", front, audience=("staff", "hr"))[0].audience == ("hr",)
    assert passages("a.md", "words", audience=("staff",))[0].audience == ("staff",)
    assert problem("a.md", front, audience=("staff",)).reason == "audience"
    (toml,) = passages("a.md", '+++\ntitle = "It"\ndate = 2026-01-02\naudience = ["hr"]\n+++\nwords')
    assert (toml.title, toml.date, toml.audience) == ("It", "2026-01-02", ("hr",))


@pytest.mark.parametrize(
    ("front", "line"),
    [
        ("---\ntitle: a\naudience: [a\n---\nwords", 3),
        ("---\naudience:\n---\nwords", 2),
        ("---\ntitle: x\naudience: 5\n---\nwords", 3),
        ("---\naudience: *team\n---\nwords", 2),
        ("---\ntitle: x\nAudiences: [hr]\n---\nwords", 3),
        ("---\naudience: [hr]\nwords", 1),
        ("+++\ntitle = x\n+++\nwords", 2),
        ("\n---\naudience: [hr]\n---\nwords", 3),
        (" ---\naudience: [hr]\n---\nwords", 2),
        ("\u200b---\naudience: [hr]\n---\nwords", 2),
        ("\ufeff\ufeff---\naudience: [hr]\n---\nwords", 2),
        ("---\u00a0\naudience: [hr]\n---\nwords", 2),
        ("---\raudience: [hr]\r---\rwords", 2),
        ("----\naudience: [hr]\n----\nwords", 2),
        ("--- # x\naudience: [hr]\n---\nwords", 2),
        ("<!-- x -->\n---\naudience: [hr]\n---\nwords", 3),
        ("---\naudience:hr\n---\nwords", 2),
        ("---\naudience hr\n---\nwords", 2),
        ("---\n- audience: hr\n---\nwords", 2),
        ("---\ntitle: x\nmeta:\n  audience: hr\n---\nwords", 4),
        ("---\nmeta: {title: x, audience: hr}\n---\nwords", 2),
        ("+++\n[meta]\naudience = ['hr']\n+++\nwords", 3),
        ("---\n" + "".join(f"k{n}: x\n" for n in range(60)) + "m:\n  audience: hr\n---\nwords", 63),
        ("---\ntitle: x\ntags:\n  - a\naudience: [hr]\n\nwords", 1),
        ('---\n# c\n\n"audience": [hr]\n\nwords', 1),
        ("---\naudience: [hr]\n...\nwords", 1),
        ('{"audience": ["hr"]}\n\nwords', 1),
        ("---\naudience: [hr]\naudience: [staff]\n---\nwords", 3),
        ("---\naudience: [hr]\nAudience: [staff]\n---\nwords", 3),
    ],
)
def test_front_matter_that_may_restrict_and_cannot_be_read_keeps_the_document_out(front: str, line: int) -> None:
    found = problem("a.md", front)
    assert (found.reason, found.line) == ("front matter", line)


@pytest.mark.parametrize("name", ["a.txt", "a.html"])
def test_front_matter_of_other_kinds_of_file_keeps_them_out(name: str) -> None:
    found = problem(name, "---\naudience: [hr]\n---\nwords")
    assert (found.reason, found.line) == ("front matter", 2)


@pytest.mark.parametrize(
    "text",
    [
        "# Talks\n\n**Audience:** beginners. Our audience: beginners.",
        "# Talks\n\n## Audience: beginners",
        "---\ntitle: Talks\n---\nWrite it so:\n\n```yaml\naudience: [hr]\n```",
        "Words.\n" * 60 + "Audience: beginners",
    ],
)
def test_text_that_speaks_of_an_audience_is_read(text: str) -> None:
    assert passages("a.md", text)


def test_data_of_a_page_that_names_an_audience_is_no_front_matter() -> None:
    assert passages("a.html", '<script>\n"audience": {"x": 1}\n</script><p>words</p>')


def test_rules_around_a_line_are_no_front_matter() -> None:
    assert passages("a.md", "---\njust words\n---\nmore")[0].title == "just words"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("a.md", "# a\n"),
        *(
            pytest.param(*one, marks=pytest.mark.real)
            for one in (
                ("a.txt", "a\n\n"),
                ("a.html", "<p>a"),
                ("a.html", "&amp; "),
                ("a.csv", "a\n"),
                ("a.jsonl", '{"a":1}\n'),
            )
        ),
    ],
)
def test_endless_blocks_are_refused_in_bounded_memory(name: str, unit: str) -> None:
    data = (unit * (32 * 1024 * 1024 // len(unit))).encode()
    child = os.fork()
    if child == 0:
        # More than the interpreter has now: what reading may take besides the file.
        here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (here + 700 * 1024 * 1024,) * 2)
        found = parsed(name, data)
        os._exit(0 if isinstance(found, Problem) and found.reason == "too many blocks" else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.real
def test_a_million_nested_tags_are_read() -> None:
    (one,) = passages("a.html", "<div>" * 1_000_000 + "words" + "</div>" * 1_000_000)
    assert one.text == "words"


def test_links_survive_where_they_stand(parsers: ParserProcess) -> None:
    page = '<h1>A</h1><p>See the <a href="b.html#x">guide</a> and <a HREF=\'c?a=1&amp;b=2\'>this</a>.<h1>B</h1><p><a href="#top">Up</a> <a href="javascript:x()">no</a> <a data-href=no href=d>d</a>'
    assert [one.links for one in passages("a.html", page)] == [("b.html#x", "c?a=1&b=2"), ("d",)]
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    body = f'<w:p><w:hyperlink r:id="h" xmlns:r="{relation}"><w:r><w:t>guide</w:t></w:r></w:hyperlink></w:p>'
    rels = f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="h" Type="{relation}/hyperlink" Target="https://example.com/" TargetMode="External"/></Relationships>'
    (one,) = passages("a.docx", docx(body, {"word/_rels/document.xml.rels": rels}), parsers)
    assert one.links == ("https://example.com/",)
    (one,) = passages("a.md", "See [the guide](b.md).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nrun\n```")
    assert ("](b.md)" in one.text, "| 1 | 2 |" in one.text, "```sh\nrun\n```" in one.text) == (True, True, True)


def test_names_with_line_ends_and_links_in_circles_are_read_once(tmp_path: Path) -> None:
    from shipmate.knowledge.documents import list_files

    (tmp_path / "a\nb.md").write_text("words")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.md").symlink_to("self.md")
    listing = list_files(DocumentFolder(path=tmp_path, prefix=""))
    assert [entry.source for entry in listing.entries] == ["a\nb.md"]

"""PDF and DOCX as small as they can be, made by hand, so that every byte can be made wrong."""

import io
import zipfile
import zlib
from collections.abc import Sequence

__all__ = ["docx", "locked_pdf", "pdf"]

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{RELATION}/officeDocument" Target="word/document.xml"/></Relationships>',
    "word/styles.xml": f'<w:styles {WORD}><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/>'
    "</w:style></w:styles>",
    "word/_rels/document.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="s" Type="{RELATION}/styles" Target="styles.xml"/></Relationships>',
}


def pdf(
    pages: Sequence[Sequence[str]], outline: Sequence[tuple[str, int]] = (), *, title: str = "", extra: bytes = b""
) -> bytes:
    """Return a PDF of pages of lines; the outline names pages, `extra` goes into its trailer."""
    objects = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        drawn = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
        stream = zlib.compress(f"BT /F 11 Tf 50 780 Td {drawn} ET".encode("latin-1"))
        objects.append(b"<< /Length %d /Filter /FlateDecode >> stream\n%b\nendstream" % (len(stream), stream))
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F 3 0 R >> >> >>" % len(objects)
        )
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(kids), b" ".join(b"%d 0 R" % k for k in kids))
    first = len(objects) + 2
    for number, (words, page) in enumerate(outline):
        following = b" /Next %d 0 R" % (first + number + 1) if number + 1 < len(outline) else b""
        root = first - 1
        objects_of_entry = b"<< /Title (%b) /Parent %d 0 R /Dest [%d 0 R /Fit]%b >>"
        if number == 0:
            objects.append(b"<< /Type /Outlines /First %d 0 R /Last %d 0 R >>" % (first, first + len(outline) - 1))
        objects.append(objects_of_entry % (words.encode("latin-1"), root, kids[page], following))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R%b >>" % (b" /Outlines %d 0 R" % (first - 1) if outline else b"")
    if title:
        objects.append(b"<< /Title (%b) >>" % title.encode("latin-1"))
        extra += b" /Info %d 0 R" % len(objects)
    return _numbered(objects, extra)


def locked_pdf() -> bytes:
    """Return a PDF that asks for a password."""
    keys = b"/Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b>" % (b"41" * 32, b"42" * 32)
    return pdf([["secret"]], extra=b"/Encrypt << %b >> /ID [<00> <00>]" % keys)


def docx(body: str, parts: dict[str, str | bytes] | None = None, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a DOCX whose document holds `body`; `parts` add to its other parts, or stand in their place."""
    document = f'<?xml version="1.0"?><w:document {WORD}><w:body>{body}</w:body></w:document>'
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, content in {**PARTS, "word/document.xml": document, **(parts or {})}.items():
            archive.writestr(name, content)
    return made.getvalue()


def _numbered(objects: Sequence[bytes], extra: bytes) -> bytes:
    made = bytearray(b"%PDF-1.7\n")
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer << /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, extra, table)
    return bytes(made)

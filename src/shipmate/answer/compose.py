"""The reply as it grows: sentences in, numbered citations and text out."""

from shipmate.messages import Citation, Cited, Sentence, Token

__all__ = ["Composer"]


class Composer:
    """Join checked sentences to one text, with [n] behind each that stands on a citation."""

    def __init__(self) -> None:
        self.citations: list[Citation] = []
        self._text: list[str] = []
        self._source = ""

    @property
    def text(self) -> str:
        """Return the text so far."""
        return "".join(self._text)

    def add(self, sentence: Sentence) -> list[Cited | Token]:
        """Return what a reader gets to see of the sentence: new citations first, then its text."""
        parts: list[Cited | Token] = []
        marks = []
        for citation in sentence.citations:
            if citation not in self.citations:
                self.citations.append(citation)
                parts.append(Cited(number=len(self.citations), citation=citation))
            marks.append(f" [{self.citations.index(citation) + 1}]")
        body = sentence.text.rstrip()
        text = f"{self._gap(sentence)}{body}{''.join(marks)}{sentence.text[len(body) :]}"
        self._text.append(text)
        parts.append(Token(text=text))
        return parts

    def _gap(self, sentence: Sentence) -> str:
        """Return the white space before a sentence: quotes of another source start a paragraph."""
        source = sentence.citations[0].source if sentence.citations else ""
        moved = source != self._source
        self._source = source
        if not self._text or sentence.text[:1].isspace() or self._text[-1][-1:].isspace():
            return ""
        return "\n\n" if moved else " "

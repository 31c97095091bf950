"""What a ticket asks and what was answered, without greetings, signatures, quoted mail and thanks."""

import html
import re
from itertools import islice

from shipmate.text import STOP_WORDS, sentence_spans, stems

__all__ = ["SMALL_TALK", "STOPPED", "asked", "is_small_talk", "plain", "replied"]

UNUSABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]"
)
TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
LINE_TAG = re.compile(r"</?(?:br|p|div|li|tr)\b[^<>]{0,2000}>", re.IGNORECASE)
# From here on stands what was said before, or who signs.
TAIL = re.compile(
    r"^(?:-{2,}\s*$|-+ ?Original Message|_{10,}|On .{5,200} wrote:|From: .*@|Sent from my |Get Outlook for )",
    re.MULTILINE | re.IGNORECASE,
)
QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
GREETING = re.compile(
    r"\s*(?:(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day))\b(?:[ ,]+(?:there|all|team|everyone|support|sir|madam|folks|guys))*"
    r"(?:[ ]+(?:[A-Z][\w'’-]+|\[name\])){0,3}\s*(?:[,!.:\n–-]+\s*|$))+",
    re.IGNORECASE,
)
PARTING = re.compile(
    r"(?:^|(?<=[.!?\n])\s*)(?:many |best |kind |warm |with best )?(?:thanks|thank you|thx|regards|cheers|best|sincerely|"
    r"yours (?:sincerely|faithfully|truly))\b[^.!?\n]{0,60}[.!]?(?:\s*[,\n]\s*[^\n]{0,60}){0,3}\s*$",
    re.IGNORECASE,
)
MARK = re.compile(r"^(?:\s*(?:re|fw|fwd|aw|wg)\s*:|\s*\[[^\]]{1,60}\])+\s*", re.IGNORECASE)
# What agents say around an answer.
COURTESY = re.compile(
    r"thank(?:s| you) (?:so much |very much )?for (?:contact|reach|your (?:patience|message|e-?mail|question|request|enquiry|inquiry)|get|writ|wait|call|choos)"
    r"|is there (?:anything|something) else|(?:please )?let (?:me|us) know if|(?:please )?(?:don.t|do not) hesitate"
    r"|have a (?:great|nice|good|lovely|wonderful)|(?:happy|glad) to (?:help|assist)|you(?:.re| are) welcome"
    r"|(?:i|we) hope (?:this|that|you)|sorry (?:for|to hear)|(?:i|we) apologi[sz]e for",
    re.IGNORECASE,
)
# Words that say nothing of what is asked.
SMALL_TALK = frozenset(
    stem
    for word in """hi hello hey greetings thanks thank thx ty bye goodbye cheers ok okay yes no sure great nice good
    morning afternoon evening day night welcome please help question urgent test issue problem anybody anyone somebody
    hope appreciate lot much very well perfect awesome cool fine again ping hola danke merci gracias""".split()
    for stem in stems(word)
)
# Words that name nothing.
STOPPED = STOP_WORDS | frozenset(
    "need needs want wants like get got getting give gave tell know let say said use using make go going one way still".split()
)
# What a ticket is about stands at its beginning.
BEGINNING_LETTERS, GIST_LETTERS, GIST_SENTENCES = 800, 500, 3
FEWEST_WORDS, MOST_WORDS = 3, 25
# Thanks and a name stand so near the end.
PARTING_LETTERS = 400


def plain(written: str) -> str:
    """Return a cell's own words: no markup, no quoted mail, no greeting, no signature."""
    text = UNUSABLE.sub(" ", written)
    if "<" in text:
        text = TAG.sub(" ", LINE_TAG.sub("\n", text))
    text = html.unescape(text) if "&" in text else text
    text = QUOTED_LINE.sub("", text.replace("\r\n", "\n"))
    if (tail := TAIL.search(text)) and tail.start():
        text = text[: tail.start()]
    text = text.strip()
    text = text[greeting.end() :] if (greeting := GREETING.match(text)) else text
    return (text[:-PARTING_LETTERS] + PARTING.sub("", text[-PARTING_LETTERS:])).strip()


def asked(subject: str, body: str) -> tuple[str, str]:
    """Return a ticket's question in a line, and what it is compared by.

    The question is its subject; where that says little, the first short sentence of the message that asks something, or
    else that says something. Compared are the subject and the first sentences that say something.
    """
    subject = _line(MARK.sub("", subject))
    begins = body[:BEGINNING_LETTERS]
    sentences = (_line(begins[start:end]) for start, end in sentence_spans(begins))
    telling = list(islice((said for said in sentences if not is_small_talk(said)), GIST_SENTENCES))
    gist = " ".join([subject, *telling])[:GIST_LETTERS].strip()
    if not telling or (len(subject.split()) >= FEWEST_WORDS and not is_small_talk(subject)):
        return subject or _line(begins), gist
    questions = [said for said in telling if said.endswith("?")]
    short = [said for said in (*questions, *telling) if FEWEST_WORDS <= len(said.split()) <= MOST_WORDS]
    return (short or telling)[0], gist


def is_small_talk(text: str) -> bool:
    """Tell whether nothing is left of a text without greetings, thanks and calls for help."""
    return SMALL_TALK.issuperset(stems(text))


def replied(answer: str) -> str:
    """Return an answer without the courtesies around it, its paragraphs kept."""
    text = plain(answer)
    kept: list[str] = []
    for paragraph in re.split(r"\n{2,}", text):
        sentences = [paragraph[start:end] for start, end in sentence_spans(paragraph)]
        said = [sentence for sentence in sentences if not COURTESY.match(sentence.lstrip())]
        kept += [" ".join(" ".join(said).split())] if said else []
    return "\n\n".join(kept)


def _line(text: str) -> str:
    return " ".join(text.split())

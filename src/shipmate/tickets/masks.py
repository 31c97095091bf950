"""Mask personal data: addresses, numbers and names that nobody needs in an example or an answer.

What a rule can recognise is masked; a name in running text, or a street, is not. People review what was drafted.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from shipmate.text import STOP_WORDS

__all__ = ["MASK", "MASKS", "mask"]

EMAIL, PHONE, CARD, ACCOUNT, NUMBER, NAME, SECRET = MASKS = (
    "[email address]",
    "[phone number]",
    "[card number]",
    "[account number]",
    "[number]",
    "[name]",
    "[secret]",
)
MASK = re.compile("|".join(map(re.escape, MASKS)))

PRIVATE = re.compile(
    r"""
    (?P<email>[\w.+%-]{1,64}+@[\w-]{1,63}(?:\.[\w-]{1,63})+)
    |(?P<link>https?://[^\s?\#<>]+)[?\#][^\s<>]*
    |(?P<told>\b(?i:pass(?:word|code|phrase)|pin|cvv|cvc|token|api\ key|user\ ?name|user\ id|login)(?i:\s+is|\s*[:=])\s+)
     (?P<secret>(?=[^\s]*[\d@\#$%^&*_])[^\s,;]+)
    |(?P<called>\b(?i:my\ name\ is|this\ is|i\ am|i['’]m)\s+)(?P<person>[A-Z][\w'’-]+\s+[A-Z][\w'’-]+)
    |(?P<named>\b(?i:my\ name\ is|regards,?|dear|sincerely,?|cheers,)\s+)
     (?P<first>(?!(?i:sir|madam|team|support|all|customer)\b)[A-Z][\w'’-]+(?:\s+[A-Z][\w'’-]+)?)
    |(?P<iban>\b[A-Z]{2}\d{2}(?:\ ?[A-Z0-9]{4}){2,7}(?:\ ?[A-Z0-9]{1,3})?\b)
    |(?P<kept>\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})\b
      |\b(?i:error|code|version|port|model|exception)(?:\ (?i:code|number|no\.?))?:?\s+\#?[\w.-]{1,24}+)
    |(?P<number>(?<![\w.])\+?\(?\d(?:[ ()./-]{0,2}\d){6,18}(?!\w))
    |(?P<order>(?<!\w)\#?(?=(?:[\w-]{0,20}?\d){4})(?:[A-Za-z]{1,8}[-_]?\d[\w-]{2,40}+|\#[\w-]{4,40}+|\d[\w-]{4,40}+))
    |(?P<numbered>\b(?i:order|invoice|ticket|case|account|customer|booking|tracking|reference|ref|member)
      (?:\ (?i:number|no\.?|id|code))?(?:\ is|:)?\s+\#?)(?P<id>(?=[\w-]{0,20}\d)[\w-]{3,40}+)
    """,
    re.VERBOSE,
)
# Without one of these nothing is found: most texts need no closer look.
HINT = re.compile(
    r"[\d@\#]|[a-z]://|\b(?:pass|pin|cv|token|api|user|login|my name|this is|i am|i['’]m|regards|dear|sincerely|cheers)",
    re.IGNORECASE,
)
# By the last group that was found: the group that stays before it, and what is written in its place.
WRITTEN = {
    "email": ("", EMAIL),
    "link": ("link", ""),
    "secret": ("told", SECRET),
    "person": ("called", NAME),
    "first": ("named", NAME),
    "iban": ("", ACCOUNT),
    "order": ("", NUMBER),
    "id": ("numbered", NUMBER),
}
CARD_DIGITS = range(13, 20)
MOST_PHONE_DIGITS = 15
SHORTEST_NAME = 3
# In a column of people there also stand teams, whose words are nobody's name.
NO_NAMES = STOP_WORDS | frozenset("admin agent customer desk help service support system team unassigned user".split())


def mask(text: str, people: Iterable[str] = ()) -> str:
    """Return the text with a word in brackets in the place of what is private; `people` are names to look for."""
    masked = PRIVATE.sub(_masked, text) if HINT.search(text) else text
    for person in people:
        pattern = _name_pattern(person)
        masked = pattern.sub(NAME, masked) if pattern else masked
    return masked


def _masked(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    if kind == "number":
        return _numbered(found[0])
    before, instead = WRITTEN.get(kind, ("", found[0]))
    return (found[before] if before else "") + instead


def _numbered(written: str) -> str:
    """Return what a long number is: a card's by its check digit, a phone's by its signs, or just a number."""
    digits = [int(sign) for sign in written if sign.isdecimal()]
    if len(digits) in CARD_DIGITS and _luhn(digits):
        return CARD
    is_phone = len(digits) <= MOST_PHONE_DIGITS and (written[0] in "+(0" or not written.isdecimal())
    return PHONE if is_phone else NUMBER


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


@lru_cache(maxsize=4096)
def _name_pattern(person: str) -> re.Pattern[str] | None:
    """Return what finds a person's whole name however it is written, and each part of it with a capital letter."""
    parts = [part for part in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", person) if len(part) >= SHORTEST_NAME]
    kept = [part for part in parts if part.casefold() not in NO_NAMES]
    if not kept:
        return None
    whole = r"\s+".join(map(re.escape, person.split()))
    capital = "|".join(map(re.escape, dict.fromkeys(part[0].upper() + part[1:] for part in kept)))
    return re.compile(rf"(?<!\w)(?:(?i:{whole})|(?:{capital})(?:\s+(?:{capital}))*)(?!\w)")

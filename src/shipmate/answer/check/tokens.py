"""How a text falls apart into what can be right or wrong by the letter."""

import re

from shipmate.answer.check.dates import DATE, MONTH

__all__ = ["ACTIVE_TAG", "FENCED", "LISTED", "MAY_SPELL_LINK", "OPENING", "QUOTED_CODE", "RUN", "SPELLED_LINK", "TOKEN"]

URL_END = r"[^\s<>\"'`()\[\]{}|\\]"
TLD = "|".join(
    """ac ai app at au be biz br ca cc ch click cloud club cn co com de dev dk edu es eu fi fr gov gg gl ie in info int
    io ir is it jp kr link live ly me mil mobi mx name net nl no nz online org page pl pro pt pw ro ru se sh shop site
    store su tech tk to top tv ua uk us website wiki world xyz za zip""".split()
)
# The first two alternatives are for speed: a word or number with nothing beside it that could make it a part of
# something else. Months without a day or year are left to the first.
TOKEN = re.compile(
    rf"""[\s,;"(]*(?:
    (?P<word>[^\W\d_]+(?:'[^\W\d_]+)?(?=(?:-[^\W\d_]+)*(?:[ ,;!?")\n]|[.:](?:\s|$)|$))(?![.,]?\ (?:the\ |of\ )?\d))
    | (?P<number>\d+(?=[,;!?")]|\ [^\W\d]|\.?$)(?!,\d|\ (?:of\ )?{MONTH}))
    | (?P<tag><(?!\w[\w+.-]*:)\s*/?[a-zA-Z!][^<>]{{0,900}}>)
    | (?P<target>\]\(\s*<?[^)\s>]+|(?:^|(?<=\n))\[[^\]]+\]:\s*\S+)
    | (?P<link>(?:[a-zA-Z][a-zA-Z0-9+.-]{{0,30}}:)?//[\w\[]{URL_END}*
        | \b(?:mailto|javascript|data|vbscript|tel|file|blob|about):{URL_END}+
        | \bwww\.{URL_END}+
        | \b(?:[\w-]+(?:\.|\[\.\]|\(\.\)))+(?:{TLD}|{TLD.upper()})\b(?![\w.@-]*\w)(?:[/?\#:]{URL_END}*)?)
    | (?P<date>{DATE})
    | (?P<code>[\w.+-]+@[\w-]+(?:\.[\w-]+)+ | (?<![\w-])--[a-zA-Z][\w-]+ | [@\#]?\w*[^\W\d]_\w[\w.]*
        | \b[^\W\d]\w*(?:\.[^\W\d]\w*)+(?:\(\))? | (?<![\w.])(?:~|\.{{1,2}})?(?:/[\w.-]+){{2,}}/? | [@][\w-]+)
    | (?P<mixed>\b[^\W\d_]+\d\w*(?:[.]\d\w*)*)
    | (?P<digits>(?:(?<![\w.)\]-])-)?(?:[$€£¥₹]\ ?)?\d\w*(?:[.,:/'x+-][$€£¥₹]?\d\w*)*(?:\ ?(?:%|°[CF]?))?)
    | (?P<rest>[^\W\d_]+(?:'[^\W\d_]+)?))
    """,
    re.VERBOSE,
)
# Addresses that are to be read aloud: "evil dot com", "evil(dot)com", "evil .com", "me@evil". What is an ordinary word or
# the end of a file's name counts only where brackets leave no doubt.
SPELLED_LINK = re.compile(
    rf"""[\w.+-]+\s?(?:@|[\[({{]\s?at\s?[\])}}])\s?[\w-]++(?!\.?\w)
    | [\w-]+\s?[\[({{]\s?dot\s?[\])}}]\s?(?:{TLD})\b
    | [\w-]+(?:\ dot\ |\ \.\ ?)(?!(?:at|be|in|is|it|me|net|no|pl|sh|so|to|us|zip)\b)(?:{TLD})\b(?!\ (?:domain|file))
    """,
    re.IGNORECASE | re.VERBOSE,
)
MAY_SPELL_LINK = re.compile(r"@|\bdot\b|\bat\s?[\])}]| \.", re.IGNORECASE)
QUOTED_CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"\s*(?:```|~~~)")
# Where a capital says nothing: at the beginning, after a full stop, colon or line break.
OPENING = re.compile(r"(?:^|[.!?:|\n]['\")\]*_]*\s)[^\w\n]*(?:\d{1,3}[.)]\s+)?[^\w\n]*", re.MULTILINE)
# The number of a list item or step counts nothing.
LISTED = re.compile(r"(?:(?:\A|(?<=\n))[\s*+>#|-]*\(?(?=\d{1,3}[.)]\s)|\b[Ss]tep\ (?=\d))(\d+)")
ACTIVE_TAG = re.compile(
    r"<\s*(?:a|img|script|iframe|link|svg|form|object|embed|video|audio|meta|base)\b|.*=", re.IGNORECASE | re.DOTALL
)
RUN = re.compile(r"[^\W\d_]+|\d+")

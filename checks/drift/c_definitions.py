# SPDX-License-Identifier: GPL-2.0-only
"""Finding what a C file defines under a name, and saying whether two texts mean the same.

Not a C parser: kernel files define functions at the left, with their braces balanced, and that is
all this needs.  A name may be defined several times, for one configuration and for another; all
its definitions together are its text.  Only tokens count: comments and white space do not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from pygments.lexers.c_cpp import CLexer
from pygments.token import Comment, Token

QUOTED_OR_COMMENT = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.DOTALL | re.VERBOSE
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_STATEMENT = re.compile(r"\b(?:if|for|while|switch|return|else|do)\b")
_FLAG_ACCESSOR = re.compile(r"_*folio_(?:test_set|test_clear|test|set|clear)_(\w+)")


def definitions(text: str, name: str) -> list[str]:
    """The texts that define `name`: macros and functions, or the macro calls that generate it."""
    bare = blank(text, QUOTED_OR_COMMENT)
    outside = blank(bare, DIRECTIVE)
    found = [*_macros(text, bare, name), *_functions(text, outside, name)]
    return found or list(_generated(text, outside, name))


def fingerprint(texts: Iterable[str]) -> str:
    """A hash of the C tokens of some texts."""
    digest = hashlib.sha256()
    for text in texts:
        for kind, value in CLexer().get_tokens(text.replace("\\\n", " ")):
            comment = kind in Comment and kind not in Comment.Preproc
            if not comment and kind not in Token.Text:
                digest.update(" ".join(value.split()).encode() + b"\0")
        digest.update(b"\n")
    return digest.hexdigest()[:32]


def blank(text: str, what: re.Pattern[str]) -> str:
    """The text with spaces for each match; offsets stay."""
    return what.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def _macros(text: str, bare: str, name: str) -> Iterator[str]:
    """`#define name(...)`, and `#define name other`; `#define name name` says nothing."""
    for match in re.finditer(rf"^[ \t]*#[ \t]*define[ \t]+{re.escape(name)}\b", bare, re.MULTILINE):
        directive = DIRECTIVE.match(bare, match.start())
        assert directive is not None
        body = bare[match.end() : directive.end()].split()
        if body and body != [name]:
            yield text[match.start() : directive.end()]


def _functions(text: str, outside: str, name: str) -> Iterator[str]:
    """Functions, those that SYSCALL_DEFINE makes included."""
    word = re.escape(name)
    for match in re.finditer(rf"\b(?:{word}[ \t\n]*\(|\w*DEFINE\w*\({word}\b)", outside):
        closed = closing(outside, outside.index("(", match.start()), "()")
        brace = outside.find("{", closed)
        if closed < 0 or brace < 0 or not _only_attributes(outside[closed:brace]):
            continue
        begin, end = beginning(outside, match.start()), closing(outside, brace, "{}")
        if end > 0 and _is_declaration(outside, begin, match.start()):
            yield text[begin:end]


def _only_attributes(between: str) -> bool:
    """Whether nothing but attributes stands between the parameters and the body."""
    return (
        re.fullmatch(r"[\s\w()*,&>.\-]*", between) is not None
        and _STATEMENT.search(between) is None
    )


def beginning(outside: str, at: int) -> int:
    """Where the declaration begins that a name stands in: after `;`, `}` or an empty line."""
    begin = max(outside.rfind(mark, 0, at) for mark in ";}") + 1
    gaps = [m.end() for m in re.finditer(r"\n[ \t]*\n", outside[begin:at])]
    begin += gaps[-1] if gaps else 0
    return begin + len(outside[begin:at]) - len(outside[begin:at].lstrip())


def _is_declaration(outside: str, begin: int, name_at: int) -> bool:
    """Whether it begins at the left, with nothing but a type before the name."""
    head = outside[begin:name_at]
    at_left = begin == 0 or outside[begin - 1] == "\n"
    return (
        at_left
        and re.fullmatch(r"[\s\w*()]*", head) is not None
        and _STATEMENT.search(head) is None
    )


def closing(outside: str, at: int, pair: str) -> int:
    """One past the bracket that closes the one at `at`; -1 if none does."""
    depth = 0
    for match in re.compile(rf"[{re.escape(pair)}]").finditer(outside, at):
        depth += 1 if match.group() == pair[0] else -1
        if depth == 0:
            return match.end()
    return -1


def _generated(text: str, outside: str, name: str) -> Iterator[str]:
    """`PAGEFLAG(Dirty, dirty, ...)` and the like, which make folio_test_dirty and its kin."""
    flag = _FLAG_ACCESSOR.fullmatch(name)
    if flag is None:
        return
    call = rf"^[ \t]*\w*(?:PAGEFLAG|FOLIO_\w*FLAG)\w*\((?:\w+, *)?{flag.group(1)}\b[^\n]*"
    for match in re.finditer(call, outside, re.MULTILINE):
        yield text[match.start() : match.end()].strip()

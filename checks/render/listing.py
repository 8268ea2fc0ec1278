# SPDX-License-Identifier: GPL-2.0-only
"""The text of functions as they are played: that of the file where no edit has changed it, with the
lines by which traces name it; and two versions as a diff."""

from __future__ import annotations

import ast
import copy
import difflib
import inspect
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping

from model.lang.declare import ModelFunction
from model.lang.frontend.source import Context, text_of, whole
from model.lang.objects import World
from model.patches.family import Family

from ..mutate.steps import is_of_patch
from ..stage.stage import Role

Function = ModelFunction[..., object]

Line = tuple[str, str]
"""A line of a text, and the number of the line of the file that it is made of: "52-56" where an
edited statement takes fewer lines than there, "" where it is made of none."""

_Text = Mapping[str, list[tuple[str, list[Line]]]]
"""The functions of a version by name: the file and the lines of each that is called so."""

_Block = ast.FunctionDef | ast.If | ast.While | ast.For
_WITH_BLOCKS = (ast.FunctionDef, ast.If, ast.While, ast.For)


def listing(family: Family, role: Role) -> list[str]:
    """The functions of a version that are the patch's or edited, with their lines by number."""
    lines: list[str] = []
    for name, text in texts(family, role).items():
        for file, part in text:
            lines += ["", f"{name}()  {file}"] if lines else [f"{name}()  {file}"]
            lines += [f"{number:>7}  {line}".rstrip() for number, line in part]
    return lines


def difference(family: Family, against: Role, role: Role) -> list[str]:
    """The functions that two versions have in other words, as a unified diff."""
    names = {name for name, _ in role.edits}
    old, new = texts(family, against, names), texts(family, role)
    lines: list[str] = []
    for name in dict.fromkeys([*old, *new]):
        lines += difflib.unified_diff(
            _plain(old.get(name, [])), _plain(new.get(name, [])),
            _titled(against, name, old), _titled(role, name, new), lineterm="",
        )  # fmt: skip
    return lines


def _plain(text: list[tuple[str, list[Line]]]) -> list[str]:
    return [line for _, part in text for _, line in part]


def _titled(role: Role, name: str, where: _Text) -> str:
    if name not in where:
        return "/dev/null"
    file, ((line, _), *_) = where[name][0]
    mutant = f", {role.mutant}" if role.mutant else ""
    return f"{role.variant.name}{mutant}\t{file}:{line}"


def texts(family: Family, role: Role, also: Collection[str] = ()) -> _Text:
    """The text of each function of a version, by name, as (file, lines): those of the patch that
    its routines call, and all that is edited or of these names, in neighbours too; in the order of
    files and lines."""
    ctx = Context(World(), edits=dict(role.edits))
    found: dict[str, list[tuple[str, list[Line]]]] = {}
    for fn in sorted(_shown(family, role, also), key=_place):
        lines = text_lines(fn, ctx.tree(fn)[1])
        found.setdefault(fn.name, []).append((text_of(fn)[0], lines))
    return found


def _shown(family: Family, role: Role, also: Collection[str]) -> list[Function]:
    variant = role.variant
    own = variant.called_by(variant.routines.values())
    kernel = variant.neighbours_from
    others = [n for n in family.casts.beside if n.since and n.exists_in(kernel)]
    beside = [n.routine(kernel) for n in others]
    around = variant.called_by(fn for fn in beside if fn is not None)
    shown = [fn for fns in own.values() for fn in fns if is_of_patch(fn, variant) or fn.text]
    for name in (*also, *(name for name, _ in role.edits)):
        shown += [*own.get(name, ()), *around.get(name, ())]
    return list(dict.fromkeys(shown))


def _place(fn: Function) -> tuple[str, int]:
    file, tree = text_of(fn)
    return file, tree.lineno


def text_lines(fn: Function, tree: ast.FunctionDef) -> list[Line]:
    """The lines of a function whose tree edits may have changed: those of its file, with comments,
    where they have not."""
    stored = fn.of or fn
    source, first = inspect.getsourcelines(stored.fn)
    whole_text = textwrap.dedent("".join(source)).splitlines()
    return _Lines(whole_text, first, text_of(stored)[1]).of(whole(tree))


class _Lines:
    """The lines of a function in its file, and the statements that stand there."""

    def __init__(self, source: list[str], first: int, tree: ast.FunctionDef) -> None:
        self._source, self._first = source, first
        statements = (n for n in ast.walk(tree) if isinstance(n, ast.stmt))
        self._stored = {(n.lineno, n.col_offset): n for n in statements}

    def of(self, tree: ast.FunctionDef) -> list[Line]:
        """The lines of a changed copy of the function."""
        return [*self._from(self._first, tree.lineno - 1, 0), *self._statement(tree, 0)]

    def _from(self, first: int, last: int, shift: int) -> Iterator[Line]:
        """Lines of the file, moved to the right by so many columns."""
        for number in range(first, last + 1):
            line = self._source[number - self._first]
            yield str(number), " " * shift + line if shift > 0 else line[-shift:]

    def _begin(self, node: ast.stmt) -> int:
        """The line at which the comments above a statement begin."""
        at = node.lineno
        while at > self._first and self._source[at - 1 - self._first].strip()[:1] in ("", "#"):
            at -= 1
        return at

    def _statement(self, node: ast.stmt, indent: int) -> Iterator[Line]:
        stored = self._stored.get((node.lineno, node.col_offset))
        if stored is not None and ast.dump(stored) == ast.dump(node):
            last = stored.end_lineno or stored.lineno
            yield from self._from(self._begin(stored), last, indent - stored.col_offset)
        elif isinstance(node, _WITH_BLOCKS):
            yield from self._header(node, stored, indent)
            yield from self._block(node.body, indent + 4)
            yield from self._rest(node, indent)
        else:
            yield _number(node), " " * indent + ast.unparse(node)

    def _block(self, block: list[ast.stmt], indent: int) -> Iterator[Line]:
        for statement in block:
            lines = self._statement(statement, indent)
            yield from _begun(lines, "if") if isinstance(statement, ast.If) else lines

    def _header(self, node: _Block, stored: ast.stmt | None, indent: int) -> Iterator[Line]:
        if isinstance(stored, _WITH_BLOCKS) and ast.dump(_bare(stored)) == ast.dump(_bare(node)):
            last = self._begin(stored.body[0]) - 1
            if last >= stored.lineno:
                yield from self._from(self._begin(stored), last, indent - stored.col_offset)
                return
        yield _number(node), " " * indent + ast.unparse(_bare(node)).rpartition("\n")[0]

    def _rest(self, node: _Block, indent: int) -> Iterator[Line]:
        block = [] if isinstance(node, ast.FunctionDef) else node.orelse
        if len(block) == 1 and isinstance(block[0], ast.If) and isinstance(node, ast.If):
            yield from _begun(self._statement(block[0], indent), "elif")
        elif block:
            yield "", " " * indent + "else:"
            yield from self._block(block, indent + 4)


def _bare(node: _Block) -> _Block:
    """A statement with nothing in its blocks."""
    bare = copy.copy(node)
    bare.body = [ast.Pass()]
    if not isinstance(bare, ast.FunctionDef):
        bare.orelse = []
    return bare


def _number(node: ast.stmt) -> str:
    """The lines of the file that have a statement, without its blocks."""
    bare = _bare(node) if isinstance(node, _WITH_BLOCKS) else node
    lines = [n.lineno for n in ast.walk(bare) if isinstance(n, ast.expr | ast.stmt)
             and hasattr(n, "lineno")]  # fmt: skip
    return str(min(lines)) if min(lines) == max(lines) else f"{min(lines)}-{max(lines)}"


def _begun(lines: Iterable[Line], word: str) -> Iterator[Line]:
    """The lines of an `if` with another first word."""
    found = False
    for number, line in lines:
        text = line.lstrip()
        if not found and text.startswith(("if ", "elif ")):
            found = True
            line = line[: -len(text)] + word + " " + text.partition(" ")[2]
        yield number, line

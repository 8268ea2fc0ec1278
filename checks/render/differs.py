# SPDX-License-Identifier: GPL-2.0-only
"""Difference of a version from the one that it was made of, in a line: of a mutant from the version
that it mutates, of a user's own from the stored one."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from model.lang.declare import ModelFunction
from model.lang.frontend.source import Context, text_of
from model.lang.objects import World
from model.patches import find_family
from model.patches.family import Variant

from ..play.play import Play
from ..stage.stage import Role

Function = ModelFunction[..., object]

_OTHERWISE = " is written otherwise"
_LONG = 36
"""Statements that are longer have their arguments left out."""


def differs(play: Play, room: int) -> str:
    """The difference in so many columns, "" for a version that was made of no other."""
    role = play.role
    if role.edits:
        base = role.variant.name
        pairs = [(fn, fn) for fn in _called(play) if fn.name in dict(role.edits)]
    elif role.variant.base:
        stored = find_family(role.variant.base).variant(role.variant.base_variant)
        base, pairs = stored.name, list(_pairs(stored, role.variant))
    else:
        return ""
    changes = [text for old, new in pairs for text in _changes(old, new, role)]
    changes.sort(key=lambda text: text.endswith(_OTHERWISE))
    head = f"from {base}: "
    for shown in range(len(changes), 0, -1):
        more = len(changes) - shown
        text = head + "; ".join(changes[:shown]) + (f"; {more} more" if more else "")
        if len(text) <= room:
            return text
    return f"from {base} in {', '.join(dict.fromkeys(fn.name + '()' for _, fn in pairs))}"


def _called(play: Play) -> list[Function]:
    """The functions that the subject and its neighbours call."""
    variant = play.role.variant
    kernel = variant.neighbours_from
    others = [n for n in play.cast.others if n.again is None and n.exists_in(kernel)]
    beside = (n.routine(kernel) for n in others)
    routines = [*variant.routines.values(), *(fn for fn in beside if fn is not None)]
    return [fn for fns in variant.called_by(routines).values() for fn in fns]


def _pairs(old: Variant, new: Variant) -> Iterator[tuple[Function, Function]]:
    """The functions of two versions by name, where both have one."""
    theirs = old.called_by(old.routines.values())
    for name, fns in new.called_by(new.routines.values()).items():
        if len(fns) == len(theirs.get(name, ())) == 1 and fns[0] is not theirs[name][0]:
            yield theirs[name][0], fns[0]


@dataclass(frozen=True)
class _Item:
    """A statement as one line of text, with how many there are with those of its block."""

    line: int
    text: str
    size: int
    depth: int


def _changes(old: Function, new: Function, role: Role) -> list[str]:
    """The statements that two functions do not share, each as what became of it."""
    ctx = Context(World(), edits=dict(role.edits))
    was, now = list(_items(text_of(old)[1].body, 0)), list(_items(ctx.tree(new)[1].body, 0))
    match = difflib.SequenceMatcher(
        None, [(i.depth, i.text) for i in was], [(i.depth, i.text) for i in now], autojunk=False
    )
    codes = [code for code in match.get_opcodes() if code[0] != "equal"]
    gone = [n for _, a, b, _, _ in codes for n in range(a, b)]
    come = [n for _, _, _, c, d in codes for n in range(c, d)]
    left = {was[n].text for n in gone}
    after = {now[n].text: _before(now, n) for n in come}
    said = []
    for first in _whole(was, gone):
        n = first
        while was[n].size > 1 and was[n].text in after and n + 1 in gone:
            n += 1  # a block that has moved is named by its first statement
        text = _short(was[n].text)
        place = " is missing"
        if was[n].text in after:
            place = f" comes after {_short(after[was[n].text])}"
        elif text in map(_short, after):
            place = _OTHERWISE
        said.append(f"line {was[n].line} {text}{place}")
    known = {*map(_short, left)}
    added = [_short(now[n].text) for n in _whole(now, come)]
    return said + [f"{text} is added" for text in added if text not in known]


def _before(items: Sequence[_Item], at: int) -> str:
    """The statement after which one comes, that is not one around it."""
    depth = items[at].depth
    for item in reversed(items[:at]):
        if item.depth >= depth:
            return item.text
        depth = min(depth, item.depth)
    return ""


def _whole(items: Sequence[_Item], chosen: Sequence[int]) -> list[int]:
    """The chosen statements without those in the block of one whose whole block is chosen."""
    found, end = list[int](), 0
    for n in chosen:
        if n >= end:
            found.append(n)
            block = range(n, n + items[n].size)
            end = block.stop if set(block) <= set(chosen) else n + 1
    return found


def _items(body: Iterable[ast.stmt], depth: int) -> Iterator[_Item]:
    for node in body:
        blocks = [getattr(node, name, []) for name in ("body", "orelse")]
        inside = [item for block in blocks for item in _items(block, depth + 1)]
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not isinstance(node, ast.Pass) and not is_text:
            text = " ".join(ast.unparse(node).partition(":\n")[0].split())
            yield _Item(node.lineno, text, 1 + len(inside), depth)
        yield from inside


def _short(text: str) -> str:
    """A statement, its arguments left out if it is long."""
    return text if len(text) <= _LONG else text.partition("(")[0] + "(...)"

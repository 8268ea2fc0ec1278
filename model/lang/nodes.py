# SPDX-License-Identifier: GPL-2.0-only
"""The nodes of expressions.

Nodes are interned, so that equal expressions are the same object: comparison is identity, and
memo tables may be keyed by node.  Nothing changes one, and only the functions of `terms` make any,
which simplify as they build.  Import both from `expr`.
"""

from __future__ import annotations

from typing import Any, Final

from .sorts import Bool, Int, Rec, Ref, Set, Sort


class Expr:
    """A node.

    `sort` bounds the values that it takes; `leaves` are the locals and cells that the value may
    depend on, the ones inside an index included.
    """

    __slots__ = ("leaves", "sort")

    def __init__(self, sort: Sort, leaves: frozenset[Expr]) -> None:
        self.sort: Final = sort
        self.leaves: Final = leaves

    def __repr__(self) -> str:
        return show(self)


class Const(Expr):
    __slots__ = ("value",)

    def __init__(self, sort: Sort, value: int) -> None:
        super().__init__(sort, _NO_LEAVES)
        self.value: Final = value


class Local(Expr):
    """A variable of one thread."""

    __slots__ = ("name",)

    def __init__(self, sort: Sort, name: str) -> None:
        super().__init__(sort, frozenset((self,)))
        self.name: Final = name


class Cell(Expr):
    """A shared variable, or one element of an array of them: `var[index, ...]`."""

    __slots__ = ("index", "var")

    def __init__(self, sort: Sort, var: str, index: tuple[Expr, ...]) -> None:
        super().__init__(sort, _leaves_of(index).union((self,)))
        self.var: Final = var
        self.index: Final = index


class Apply(Expr):
    """`name` applied to `args`; `data` is a field name or a table's values, else None."""

    __slots__ = ("args", "data", "name")

    def __init__(self, sort: Sort, name: str, args: tuple[Expr, ...], data: Any) -> None:
        super().__init__(sort, _leaves_of(args))
        self.name: Final = name
        self.args: Final = args
        self.data: Final = data


_NO_LEAVES: frozenset[Expr] = frozenset()


def _leaves_of(parts: tuple[Expr, ...]) -> frozenset[Expr]:
    """The leaves of several nodes, as the set that one of them has if that has all."""
    every = _NO_LEAVES
    for part in parts:
        more = part.leaves
        if not more <= every:
            every = more if every <= more else every | more
    return every


_consts: dict[tuple[int, Sort], Const] = {}
_locals: dict[tuple[str, Sort], Local] = {}
_cells: dict[tuple[str, tuple[Expr, ...], Sort], Cell] = {}
_applied: dict[tuple[str, tuple[Expr, ...], Sort, Any], Apply] = {}


def const(value: int, sort: Sort) -> Const:
    key = value, sort
    found = _consts.get(key)
    if found is None:
        found = _consts[key] = Const(sort, int(value))
    return found


def local(name: str, sort: Sort) -> Local:
    key = name, sort
    found = _locals.get(key)
    if found is None:
        found = _locals[key] = Local(sort, name)
    return found


def cell(var: str, index: tuple[Expr, ...], sort: Sort) -> Cell:
    """A node that is the same for an element, whatever sort its index was known by."""
    found = _cells.get((var, index, sort))
    if found is None:
        plain = tuple([_plain_index(i) if isinstance(i, Const) else i for i in index])
        found = _cells.get((var, plain, sort))
        if found is None:
            found = _cells[var, plain, sort] = Cell(sort, var, plain)
        _cells[var, index, sort] = found
    return found


def _plain_index(i: Const) -> Const:
    if isinstance(i.sort, Int):
        return const(i.value, Int(i.value, i.value))
    if isinstance(i.sort, Ref) and i.sort.nullable:
        return const(i.value, Ref(i.sort.cls, i.sort.objects))
    return i


def applied(name: str, args: tuple[Expr, ...], sort: Sort, data: Any = None) -> Expr:
    key = name, args, sort, data
    found = _applied.get(key)
    if found is None:
        found = _applied[key] = Apply(sort, name, args, data)
    return found


def show(e: Expr) -> str:
    """The expression as an s-expression: what the text form of the IR holds."""
    if isinstance(e, Const):
        if isinstance(e.sort, Bool):
            return "true" if e.value else "false"
        if isinstance(e.sort, Rec | Set):
            return f"#{e.value}"
        return e.sort.show(e.value - e.sort.lowest).replace(" ", "_")
    if isinstance(e, Local):
        return e.name
    if isinstance(e, Cell):
        return e.var + (f"[{','.join(map(show, e.index))}]" if e.index else "")
    assert isinstance(e, Apply)
    extra = "" if e.data is None else f".{e.data}" if isinstance(e.data, str) else str(e.data)
    return f"({e.name}{extra} {' '.join(map(show, e.args))})".replace(", ", ",")

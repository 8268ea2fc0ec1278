# SPDX-License-Identifier: GPL-2.0-only
"""The variables of random systems, one of each kind that models have."""

from __future__ import annotations

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Storage, Variable
from model.lang.sorts import BOOL, Int, Rec, Ref, Set, Sort

NAMES = ("t0", "t1", "t2")
THREAD = Ref("Thread", NAMES)
HOLDER = Ref("Thread", NAMES, nullable=True)
SLOT = Ref("Slot", ("a", "b"))
SLOT_OR_NONE = Ref("Slot", ("a", "b"), nullable=True)
NUMBER = Int(0, 2)
AROUND = Int(-1, 1)
BIT = Int(0, 1)
DEPTH = Int(0, 3)
PAIR = Rec("Pair", (("on", BOOL), ("n", NUMBER), ("at", SLOT)))
THREADS = Set(THREAD)
SLOTS = Set(SLOT)

VARIABLES = (
    Variable("Mutex.owner", (), HOLDER, Storage.LOCK),
    Variable("Spin.owner", (SLOT,), HOLDER, Storage.LOCK),
    Variable("Sem.readers", (), THREADS, Storage.LOCK),
    Variable("Sem.writer", (), HOLDER, Storage.LOCK),
    Variable("Cpu.rcu", (THREAD,), DEPTH, Storage.LOCK),
    Variable("Cpu.irqs_off", (THREAD,), BOOL, Storage.HARDWARE),
    Variable("Cpu.tlb", (THREAD, SLOT), BOOL, Storage.HARDWARE),
    Variable("Box.n", (), NUMBER),
    Variable("Row.n", (SLOT,), NUMBER),
    Variable("Bit.n", (BIT,), AROUND),
    Variable("Box.at", (), SLOT),
    Variable("Box.maybe", (), SLOT_OR_NONE),
    Variable("Row.next", (SLOT,), SLOT),
    Variable("Row.lock", (SLOT,), SLOT),
    Variable("Box.slots", (), SLOTS),
    Variable("Box.pair", (), PAIR),
    Variable("Row.done", (SLOT,), BOOL),
    Variable("Box.mutex_n", (), NUMBER),
    Variable("Box.sem_n", (), NUMBER),
    Variable("Row.spin_n", (SLOT,), NUMBER),
    Variable("Row.far_n", (SLOT,), NUMBER),
    Variable("Folio.free", (SLOT,), BOOL),
    Variable("Folio.n", (SLOT,), NUMBER),
    Variable("Folio.owner", (SLOT,), HOLDER, Storage.LOCK),
    Variable("Ghost.n", (), NUMBER, Storage.GHOST),
    Variable("Ghost.row", (SLOT,), NUMBER, Storage.GHOST),
    Variable("Ghost.slots", (), SLOTS, Storage.GHOST),
)
"""`Row.done` only becomes true."""

_BY_NAME = {v.name: v for v in VARIABLES}

LOCKED = frozenset({"Box.mutex_n", "Box.sem_n", "Row.spin_n", "Row.far_n"})
"""Those whose declaration names a lock."""

FREEABLE = frozenset({"Folio.n", "Folio.owner"})
"""Those of objects that may be free."""


def cell(name: str, *index: Expr) -> Cell:
    """An element of a variable."""
    return ex.cell(name, index, _BY_NAME[name].sort)


def holder(of: Cell) -> Expr:
    """The lock word that protects a field."""
    words = {
        "Box.mutex_n": lambda: cell("Mutex.owner"),
        "Box.sem_n": lambda: cell("Sem.writer"),
        "Row.spin_n": lambda: cell("Spin.owner", of.index[0]),
        "Row.far_n": lambda: cell("Spin.owner", cell("Row.lock", of.index[0])),
    }
    return words[of.var]()


def in_use(of: Cell) -> Expr:
    """True if the object that a cell of `FREEABLE` belongs to is not free."""
    return ex.not_(cell("Folio.free", of.index[0]))


def slot(code: int) -> Expr:
    return ex.const(code, SLOT)


def number(value: int) -> Expr:
    return ex.const(value, NUMBER)


NOBODY = ex.const(0, HOLDER)
NO_SLOT = ex.const(0, SLOT_OR_NONE)


def me(who: int) -> Expr:
    """Thread number `who`, from 0, as the holder of a lock."""
    return ex.const(who + 1, HOLDER)


def cpu(who: int) -> Expr:
    """The CPU of thread number `who` as an index."""
    return ex.const(who + 1, THREAD)


X, Y, Z = (ex.local(f"f.{name}", NUMBER) for name in "xyz")
I, J = (ex.local(f"f.{name}", SLOT) for name in "ij")  # noqa: E741
P = ex.local("f.p", PAIR)
B = ex.local("f.b", BOOL)
Q = ex.local("f.q", SLOT_OR_NONE)
LOCALS = (X, Y, Z, I, J, P, B, Q)


def least(sort: Sort) -> int:
    """The value that a variable has at first, if nothing else is said."""
    return 0 if isinstance(sort, Set) else sort.codes()[0] + sort.lowest


def elements(variable: Variable) -> list[Cell]:
    """All elements of a variable."""
    found: list[tuple[Expr, ...]] = [()]
    for dim in variable.dims:
        codes = [ex.const(code + dim.lowest, dim) for code in dim.codes()]
        found = [(*index, code) for index in found for code in codes]
    return [ex.cell(variable.name, index, variable.sort) for index in found]

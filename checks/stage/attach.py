# SPDX-License-Identifier: GPL-2.0-only
"""Putting invariants into a system: each as a check of the states or of the steps it is about."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from invariants.registry import REGISTRY, Invariant
from invariants.words import WRITTEN, words_of
from model.cast.view import View, view
from model.hw.arch import times_asked
from model.lang import expr as ex
from model.lang.declare import pure
from model.lang.errors import ModelError, near
from model.lang.expr import Cell, Expr
from model.lang.frontend import values as va
from model.lang.frontend.body import NULL, Body, run_pure
from model.lang.frontend.source import Context
from model.lang.ir import NULL_POINTER, Check, Edge, StateCheck, Thread
from model.lang.objects import Kobject
from model.lang.sorts import Bool, Int
from model.lang.traits import Trait

FREE = {"Folio": "free"}
"""The field that says whether an object of a class is free; what has none is never written to by
a step that frees or allocates it."""

USE_OF_FREE = "no_use_of_a_free_folio"
"""The invariant that asks it of steps about a folio."""

UNPUBLISHED = frozenset({Trait.NEW, Trait.PUT, Trait.ALLOC, Trait.GHOST})
"""Steps on an object that nobody else can see: no lock is needed."""


Conditions = dict[tuple[object, ...], Expr]
"""Conditions of invariants, by these and by what they are given."""


class Attacher:
    """Attaches a selection of invariants to the threads of one world."""

    def __init__(self, ctx: Context, selected: Iterable[Invariant], everywhere: Conditions) -> None:
        """`everywhere` has conditions of worlds like this one that are the same on all
        architectures, and gets those that are found."""
        self._ctx = ctx
        self._view = view(ctx.world)
        self.selected = tuple(selected)
        self._holders: dict[Cell, Expr] = {}
        self._everywhere = everywhere
        self._here: Conditions = {}
        self._at_steps = [i for i in self.selected if i.kind == "step"]
        names = {i.name for i in self.selected}
        self._fields = "fields_change_under_their_locks" in names
        self._null = NULL_POINTER in names
        self._uses = USE_OF_FREE in names

    def thread(self, thread: Thread, who: Kobject) -> Thread:
        """The thread with a check at each step that an invariant is about."""
        return replace(thread, edges=tuple(self._edge(e, who) for e in thread.edges))

    def _edge(self, edge: Edge, who: Kobject) -> Edge:
        checks = [self._own(c) for c in edge.op.checks]
        _entries(edge)
        if edge.call is not None:
            found = words_of(edge.call)
            for invariant in self._at_steps:
                if invariant.steps & found:
                    checks += self._judge(invariant, edge, who)
            if self._uses and Trait.FOREIGN in edge.call.traits:
                checks += self._in_use(edge)
            if self._fields and not edge.call.traits & UNPUBLISHED:
                checks += self._under_lock(edge, who)
        return edge.with_op(edge.op.doing(edge.op.guard, edge.op.updates, tuple(checks)).shared)

    def _own(self, check: Check) -> Check:
        """A pointer that is NULL is a violation when that is asked about, else a model error."""
        if check.invariant == NULL and self._null:
            return check._replace(invariant=NULL_POINTER)
        if not check.invariant.startswith("model:") and check.invariant not in REGISTRY:
            raise ModelError(
                f"check() names '{check.invariant}', which is no invariant",
                why="no row of the table would show that it fails",
                instead=near(check.invariant, REGISTRY),
            )  # fmt: skip
        return check

    def _judge(self, invariant: Invariant, edge: Edge, who: Kobject) -> list[Check]:
        assert invariant.fn is not None
        assert edge.call is not None
        given: dict[str, Any] = {"s": self._view, "thread": who, **dict(edge.call.args)}
        for value in _entries(edge):
            given[WRITTEN] = value
        params = _parameters(invariant)
        missing = [p.name for p in params if p.name not in given and p.default is p.empty]
        if missing:
            assert edge.site is not None
            raise ModelError(
                f"{edge.call.name} has no '{missing[0]}', which {invariant.name} asks for",
                where=f"{edge.site.file}:{edge.site.line}:{edge.site.col}",
                why=f"it is judged at steps that are {' or '.join(sorted(invariant.steps))}",
            )
        taken = [given.get(p.name, p.default) for p in params]
        key = (invariant.fn, *map(self._named, taken))
        cond = self._everywhere.get(key) or self._here.get(key)
        if cond is None:
            asked = times_asked()
            body = run_pure(self._ctx, invariant.fn, list(map(self._static, taken)), fields=True)
            cond = body.truth(body.result, body.tree)
            known = self._everywhere if times_asked() == asked else self._here
            known[key] = cond
        return [] if cond is ex.TRUE else [Check(invariant.name, cond, bool(invariant.steady))]

    def _named(self, value: Any) -> object:
        """An argument as it is in each world like this one: objects by name."""
        if value is self._view:
            return View
        return (type(value), value.name) if isinstance(value, Kobject) else value

    def _static(self, value: Any) -> Any:
        """A constant argument as the object that it is, so that more is known."""
        if isinstance(value, ex.Const):
            if isinstance(value.sort, Bool):
                return bool(value.value)
            if isinstance(value.sort, Int):
                return value.value
            hint = self._ctx.world.hints_by_sort().get(value.sort)
            if hint is not None:
                return self._ctx.world.decode(value.value, hint)
        return value

    def _in_use(self, edge: Edge) -> list[Check]:
        """A check that nothing free is touched by what is none of `model`, whose parameters may be
        called anything."""
        assert edge.call is not None
        if edge.call.traits & UNPUBLISHED:
            return []
        places = sorted(edge.op.cells, key=ex.show)
        touched = (c for c in places if c.var.partition(".")[0] in FREE)
        asked = (self.in_use(c) for c in touched if c.var != "Folio.free")
        return [Check(USE_OF_FREE, cond) for cond in dict.fromkeys(asked) if cond is not ex.TRUE]

    def _under_lock(self, edge: Edge, who: Kobject) -> list[Check]:
        checks = []
        for update in edge.op.updates:
            place = update.place
            if not isinstance(place, Cell):
                continue
            cls, _, field = place.var.partition(".")
            spec = va.field_of(self._ctx.world, cls, field)
            if spec is not None and spec.lock:
                holder = _follow(self._ctx, place.index[0], spec.lock)
                mine = ex.const(self._ctx.world.encode(who, holder.sort), holder.sort)
                checks.append(Check("fields_change_under_their_locks", ex.eq(holder, mine)))
        return [c for c in checks if c.cond is not ex.TRUE]

    def locked_variables(self) -> frozenset[str]:
        """The variables whose declaration names a lock."""
        return frozenset(
            f"{cls.__name__}.{spec.name}" for cls, spec in self._ctx.world.specs() if spec.lock
        )

    def holder(self, cell: Cell) -> Expr:
        """The lock word that the declaration of a cell's field names."""
        if cell not in self._holders:
            cls, _, field = cell.var.partition(".")
            spec = va.field_of(self._ctx.world, cls, field)
            assert spec is not None
            self._holders[cell] = _follow(self._ctx, cell.index[0], spec.lock)
        return self._holders[cell]

    def freeable_variables(self) -> frozenset[str]:
        """The variables of objects that may be free."""
        return frozenset(
            f"{cls.__name__}.{spec.name}"
            for cls, spec in self._ctx.world.specs()
            if cls.__name__ in FREE
        )

    def in_use(self, cell: Cell) -> Expr:
        """True if the object that a cell is a field of is not free."""
        body = Body(self._ctx, _anything, [cell.index[0]])
        free = body.attribute(
            cell.index[0], FREE[cell.var.partition(".")[0]], ast.Pass(lineno=0, col_offset=0)
        )
        return ex.not_(free) if isinstance(free, Expr) else ex.boolean(not free)

    def state_checks(self) -> tuple[StateCheck, ...]:
        """The invariants about every state."""
        return self._judged("state")

    def end_checks(self) -> tuple[StateCheck, ...]:
        """The invariants about the states in which every thread has returned."""
        return self._judged("end")

    def _judged(self, kind: str) -> tuple[StateCheck, ...]:
        found = []
        for invariant in self.selected:
            if invariant.kind == kind:
                assert invariant.fn is not None
                body = run_pure(self._ctx, invariant.fn, [self._view], fields=True)
                found.append(StateCheck(invariant.name, body.truth(body.result, body.tree)))
        return tuple(found)


def _entries(edge: Edge) -> list[Expr]:
    """The values that an edge writes to entries; ModelError if its step does not say so."""
    written = [
        u.value for u in edge.op.updates if isinstance(u.place, Cell) and u.place.var == "Pte.val"
    ]
    said = edge.call is not None and Trait.PTE in edge.call.traits
    if len(written) != said:
        name = edge.call.name if edge.call is not None else "a statement"
        where = f"{edge.site.file}:{edge.site.line}:{edge.site.col}" if edge.site else ""
        raise ModelError(
            f"{name} writes {len(written)} entries of page tables", where=where,
            why=f"a step that is '{Trait.PTE}' writes one, and no other step writes any: that is "
            "where invariants about entries are judged",
            instead="use a primitive of model/kernel/pgtable.py",
        )  # fmt: skip
    return written


@functools.cache
def _parameters(invariant: Invariant) -> tuple[inspect.Parameter, ...]:
    assert invariant.fn is not None
    return tuple(inspect.signature(invariant.fn.fn).parameters.values())


@pure
def _anything(o: Any) -> Any:
    """A place to evaluate field paths in."""
    return o


def _follow(ctx: Context, owner: Expr, path: str) -> Expr:
    """The value at the end of a path of fields."""
    body = Body(ctx, _anything, [owner])
    value: Any = owner
    for name in path.split("."):
        value = body.attribute(value, name, ast.Pass(lineno=0, col_offset=0))
    assert isinstance(value, Expr)
    return value


__all__ = ["Attacher", "View"]

# SPDX-License-Identifier: GPL-2.0-only
"""Random operations on objects that may be free, `Folio` in `world`."""

from __future__ import annotations

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import Check, Kind, Op, Update

from .operations import LOCKLESS, Operations, updating
from .statements import Body, Do
from .world import B, X, Y, cell, number, slot

PUT, ALLOC, MAYBE_FREE = (frozenset({trait}) for trait in ("put", "alloc", "maybe-free"))


class Objects(Operations):
    """Draws what is done to objects: they are freed, allocated, used, and looked at."""

    def free(self) -> Do:
        """The last reference is dropped, or not the last one; what is free is reset."""
        at = self._object()
        last = self.one("free", lambda: ex.TRUE, self.local_truth)
        place, gone = cell("Folio.n", at), cell("Folio.free", at)
        updates = (
            Update(gone, ex.ite(last, ex.TRUE, gone)), Update(place, ex.ite(last, number(0), place))
        )  # fmt: skip
        return Do(Op(Kind.RMW, updates=updates), PUT)

    def allocate(self) -> Do:
        """A free object is made one's own, which is waited for, or tried."""
        at = self._object()
        gone, place = cell("Folio.free", at), cell("Folio.n", at)
        if self.chance(0.5):
            both = (Update(gone, ex.FALSE), Update(place, self.constant()))
            return Do(Op(Kind.RMW, gone, both), ALLOC)
        value = ex.ite(gone, self.constant(), place)
        tried = (Update(B, gone), Update(gone, ex.FALSE), Update(place, value))
        return Do(Op(Kind.RMW, updates=tried), ALLOC)

    def use_object(self) -> Do:
        return Do(self.use_of(cell("Folio.n", self._object())), LOCKLESS)

    def observe_object(self) -> Body:
        return self.observe(cell("Folio.n", self._object()), LOCKLESS)

    def remember_object(self) -> Body:
        """A look at an object, which is judged when something else has come about."""
        load, check = self.observe_object()
        return load, self.await_published(), check

    def peek_object(self) -> Do:
        """A look at what may be free."""
        at = self._object()
        place = self.pick("peek", (cell("Folio.n", at), ex.ite(cell("Folio.free", at), X, Y)))
        return Do(Op(Kind.LOAD, updates=updating(X, place)), MAYBE_FREE)

    def free_and_look(self) -> Body:
        """An object that is freed and looked at again: did somebody write to it meanwhile?"""
        place = cell("Folio.n", self.fixed())
        gone = Update(cell("Folio.free", place.index[0]), ex.TRUE)
        freed = Do(Op(Kind.RMW, updates=(gone, Update(place, number(0)))), PUT)
        return freed, *self.observe(place, MAYBE_FREE)

    def check_object(self) -> Do:
        at = self._object()
        cond = self.pick("check object",
            (
                cell("Folio.free", at), ex.not_(cell("Folio.free", at)),
                ex.eq(cell("Folio.n", at), self.constant()), ex.eq(cell("Folio.n", at), X),
            )
        )  # fmt: skip
        return Do(Op(Kind.PRIMITIVE, checks=(Check(self.name(), cond),)))

    def misname(self) -> Do:
        """A store to an object that is not free, in a step that says it frees or allocates it."""
        place = cell("Folio.n", self._object())
        traits = self.pick("misname", (PUT, ALLOC))
        return Do(Op(Kind.STORE, updates=updating(place, self.constant())), traits)

    def _object(self) -> Expr:
        return self.one("object", lambda: slot(1), lambda: slot(2), self.slot)

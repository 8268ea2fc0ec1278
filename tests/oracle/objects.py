# SPDX-License-Identifier: GPL-2.0-only
"""Random operations on objects that may be free, `Folio` in `world`."""

from __future__ import annotations

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import Check, Kind, Op, Update

from .operations import LOCKLESS, Operations, updating
from .statements import Body, Do
from .world import NOBODY, B, X, Y, cell, me, number, slot

PUT, ALLOC, MAYBE_FREE = (frozenset({trait}) for trait in ("put", "alloc", "maybe-free"))


class Objects(Operations):
    """Draws what is done to objects: they are freed, allocated, used, and looked at."""

    def free(self) -> Do:
        """The last reference is dropped, or not the last one; what is free is reset."""
        at = self._object()
        last = self.one("free", lambda: ex.TRUE, self.local_truth)
        place, gone, owner = (cell(f"Folio.{name}", at) for name in ("n", "free", "owner"))
        left = self.one("left", lambda: number(0), lambda: cell("Folio.n", self.fixed()))
        updates = [
            Update(gone, ex.ite(last, ex.TRUE, gone)), Update(place, ex.ite(last, left, place))
        ]  # fmt: skip
        if self.chance(0.4):
            updates.append(Update(owner, ex.ite(last, NOBODY, owner)))
        return Do(Op(Kind.RMW, updates=tuple(updates)), PUT)

    def free_and_point(self) -> Do:
        """An object is freed, and the pointer to one that is written to moves, mostly to it."""
        at, gone = cell("Box.at"), self.fixed()
        free, to = cell("Folio.free", gone), self.one("to", lambda: gone, self.fixed)
        moved, written = Update(at, to), Update(cell("Folio.n", at), number(1))
        return Do(Op(Kind.RMW, updates=(moved, Update(free, ex.TRUE), written)), PUT)

    def await_and_free(self) -> Body:
        """An object is freed while another may be in a section under its lock, which goes, too."""
        at = self._object()
        gone, owner = cell("Folio.free", at), cell("Folio.owner", at)
        both = (Update(gone, ex.TRUE), Update(owner, NOBODY))
        return self.await_published(), Do(Op(Kind.RMW, updates=both), PUT)

    def own_object(self) -> Body:
        """A section under the lock of an object, with a look whether that is still one's own."""
        owner = cell("Folio.owner", self._object())
        mine = me(self.who)
        still = Check(self.name(), ex.eq(owner, mine))
        took = Do(
            Op(Kind.RMW, ex.eq(owner, NOBODY), (Update(owner, mine),)), frozenset({"acquire"})
        )
        inside = (self.use_object(), self.publish()) if self.chance(0.5) else (self.publish(),)
        left = Do(Op(Kind.RMW, updates=(Update(owner, NOBODY),)), frozenset({"release"}))
        leaves = (left,) if self.chance(0.5) else ()
        return took, *inside, Do(Op(Kind.PRIMITIVE, checks=(still,))), *leaves

    def allocate(self) -> Do:
        """A free object is made one's own, which is waited for, or tried."""
        at = self._object()
        gone, place = cell("Folio.free", at), cell("Folio.n", at)
        owner = (Update(cell("Folio.owner", at), NOBODY),) if self.chance(0.3) else ()
        if self.chance(0.5):
            both = (Update(gone, ex.FALSE), Update(place, self.constant()))
            return Do(Op(Kind.RMW, gone, (*both, *owner)), ALLOC)
        value = ex.ite(gone, self.constant(), place)
        tried = (Update(B, gone), Update(gone, ex.FALSE), Update(place, value))
        return Do(Op(Kind.RMW, updates=tried), ALLOC)

    def use_object(self) -> Do:
        return Do(self.use_of(cell("Folio.n", self._object())), LOCKLESS)

    def observe_object(self) -> Body:
        return self.observe(cell("Folio.n", self._object()), LOCKLESS)

    def look_twice(self) -> Body:
        """Two looks at an object, which have to see the same."""
        place = cell("Folio.n", self.fixed())
        looks = [Do(Op(Kind.LOAD, updates=updating(x, place)), LOCKLESS) for x in (X, Y)]
        same = Check(self.name(), ex.eq(X, Y))
        return *looks, Do(Op(Kind.PRIMITIVE, checks=(same,)))

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
        at = self._object()
        n, owner = cell("Folio.n", at), cell("Folio.owner", at)
        update = self.pick("misname 2", (Update(n, self.constant()), Update(owner, NOBODY)))
        return Do(Op(Kind.STORE, updates=(update,)), self.pick("misname", (PUT, ALLOC)))

    def _object(self) -> Expr:
        return self.one("object", lambda: slot(1), lambda: slot(2), self.slot)

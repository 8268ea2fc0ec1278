# SPDX-License-Identifier: GPL-2.0-only
"""Statements as rows show them: the call with the values of its arguments; entries of page tables
are named by where they are, for a table may be put to use, or moved, while others look on."""

from __future__ import annotations

from collections.abc import Mapping

from model.hw.objects import Addr, Root, Table
from model.lang import expr as ex
from model.lang.ir import Call
from model.lang.objects import World
from model.lang.sorts import NOTHING, Int, Ref
from model.lang.traits import Trait

from ..engine.interpret import Position
from .changes import owner, shown
from .run import Done
from .visible import Statement, shared, stated


class Statements:
    """Writes statements of the threads of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        served: dict[str, list[int]] = {}
        for root in world.all(Root):
            for addr, pmd in enumerate(root.pmds):
                if pmd is not None:
                    served.setdefault(pmd.name, []).append(addr)
        self._served = served

    def moved(self, pos: Position) -> Mapping[str, str]:
        """The entries that map another address than their names say, with that address."""
        found: dict[str, str] = {}
        for cell, value in pos.cells.items():
            if cell.var != "Pmd.table" or not value:
                continue
            table = self._world.all(Table)[value - 1]
            slots = [slot for slot in table.slots if slot is not None]
            for addr, slot in zip(self._served.get(owner(cell), ()), slots, strict=False):
                name = shown(self._world.sort(Addr), addr)
                if slot.name != name:
                    found.setdefault(slot.name, name)
        return found

    def step(self, step: Done) -> str:
        """The statement that the last edge of a step is part of."""
        what = stated(step.edges[-1])
        return self.text(step, what) if what is not None else "a step"

    def text(self, step: Done, what: Statement) -> str:
        """The call as it was made: its name and the values of its arguments."""
        if what.call is None:
            edge = step.edges[-1]
            if not shared(edge):
                return ", ".join(self._assigned(step)) or "check"
            cells = [u.place for u in edge.op.updates if isinstance(u.place, ex.Cell)]
            return f"write {cells[0].var}" if cells else "read"
        model = "model: " if Trait.GHOST in what.call.traits else ""
        return f"{model}{what.call.name}({', '.join(self._arguments(step, what.call))})"

    def _arguments(self, step: Done, call: Call) -> list[str]:
        """The values of the arguments, each once.  An mm says nothing, nor a VMA but where it is
        not the one of the addresses beside it: these name theirs."""
        given = [value for _, value in call.args if value.sort is not NOTHING]
        addresses = {
            self._value(step, v) for v in given if isinstance(v.sort, Int) and v.sort.names
        }
        found = []
        for value in given:
            text = self._value(step, value)
            if isinstance(value.sort, Ref) and value.sort.cls in ("Mm", "Vma"):
                own = (a.startswith(f"{text}+") or a.endswith(f" of {text}") for a in addresses)
                if value.sort.cls == "Mm" or any(own) or not addresses:
                    continue
            found.append(text)
        return list(dict.fromkeys(found))

    def _assigned(self, step: Done) -> list[str]:
        """The locals that the last edge of a tick sets, by the names that they have in the text."""
        names = ((u.place.name.rpartition(".")[2], u.value) for u in step.edges[-1].op.updates
                 if isinstance(u.place, ex.Local))  # fmt: skip
        return [
            f"{name} = {self._value(step, value)}" for name, value in names if name.isidentifier()
        ]

    def _value(self, step: Done, value: ex.Expr) -> str:
        own = step.at.locals[step.tick.thread]

        def read(place: ex.Expr) -> int:
            if isinstance(place, ex.Local):
                return own[place]
            assert isinstance(place, ex.Cell)
            return step.at.cells.get(place, place.sort.lowest)

        text = shown(value.sort, ex.evaluate(value, read))
        if isinstance(value.sort, Ref) and value.sort.cls == "Pte":
            return self.moved(step.at).get(text, text)
        return text

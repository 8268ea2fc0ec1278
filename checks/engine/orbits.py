# SPDX-License-Identifier: GPL-2.0-only
"""The state that stands for an orbit: all states that differ in which of several like objects is
which.

The objects of each class are sorted by a key that no exchange changes, made of what is owned by
an object and of who refers to it; of the orders in which the keys do not decrease the one with
the least state is taken.  So it does not matter which state of the orbit one begins with.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from model.lang import expr as ex
from model.lang.expr import Cell, Const
from model.lang.sorts import Ref

from .codegen.layout import Slot

_ALL = (1 << 64) - 1

Order = tuple[int, ...]
"""For each code of a class the code that takes its place; code 0 is None and stays."""


@dataclass(frozen=True)
class Field:
    """A cell, as orders move it.

    `owners` are the objects among its indices, by class and code; `holds` is the class of what it
    holds, or -1.  `own` has for each owner the weight of each code in the owner's key, `ref` is
    the weight of being held here.  Cells that an exchange can take to each other have the same.
    """

    offset: int
    width: int
    owners: tuple[tuple[int, int], ...]
    holds: int
    own: tuple[tuple[int, ...], ...]
    ref: int


class Orbits:
    """Takes packed states to the one that stands for their orbit.

    `sizes` are of the classes, `orders` all orders of each; `places` has for each way to choose
    one order of each class, the last class fastest, where each field goes; `bits` are all that
    fields have.
    """

    def __init__(
        self, classes: Mapping[str, int], cells: Iterable[Cell], slot: Callable[[Cell], Slot]
    ) -> None:
        names = {name: n for n, name in enumerate(sorted(classes))}
        self.sizes = tuple(classes[name] for name in sorted(classes))
        self.orders: tuple[tuple[Order, ...], ...] = tuple(
            tuple((0, *order) for order in itertools.permutations(range(1, size + 1)))
            for size in self.sizes
        )
        random = Random(0)
        weights: dict[object, int] = {}
        fields: list[Field] = []
        where: dict[object, int] = {}
        shapes = []
        for n, cell in enumerate(sorted(cells, key=ex.show)):
            shape, owners = _shape(cell, names)
            held = cell.sort.cls if isinstance(cell.sort, Ref) else ""
            at = slot(cell)

            def weight(*key: object) -> int:
                return weights.setdefault(key, random.getrandbits(64))

            own = tuple(
                tuple(
                    weight(shape, position, min(code, 1) if held in names else code)
                    for code in range(1 << at.width)
                )
                for position in range(len(owners))
            )
            ref = weight(shape, "held")
            fields.append(Field(at.offset, at.width, owners, names.get(held, -1), own, ref))
            shapes.append(shape)
            where[shape, owners] = n
        self.fields = tuple(fields)
        self.places = [
            [
                where[shape, tuple((c, chosen[c][code]) for c, code in f.owners)]
                for shape, f in zip(shapes, fields, strict=True)
            ]
            for chosen in itertools.product(*self.orders)
        ]
        self.bits = sum(((1 << f.width) - 1) << f.offset for f in fields)

    def stands_for(self, state: int) -> int:
        """The state that stands for the orbit of one."""
        codes = [state >> f.offset & (1 << f.width) - 1 for f in self.fields]
        rest = state & ~self.bits
        best = -1
        for number, chosen in self._left(self._keys(codes)):
            made = rest
            for field, code, there in zip(self.fields, codes, self.places[number], strict=True):
                if code:
                    held = code if field.holds < 0 else chosen[field.holds][code]
                    made |= held << self.fields[there].offset
            if best < 0 or made < best:
                best = made
        return best

    def _keys(self, codes: list[int]) -> list[list[int]]:
        keys = [[0] * (size + 1) for size in self.sizes]
        for field, code in zip(self.fields, codes, strict=True):
            for (owner, which), weights in zip(field.owners, field.own, strict=True):
                keys[owner][which] = keys[owner][which] + weights[code] & _ALL
            if code and field.holds >= 0:
                keys[field.holds][code] = keys[field.holds][code] + field.ref & _ALL
        return keys

    def _left(self, keys: list[list[int]]) -> Iterator[tuple[int, list[Order]]]:
        """The orders in which no key is less than the one before it, with their number."""
        left = []
        for orders, key in zip(self.orders, keys, strict=True):
            good = sorted(key[1:])
            fits = []
            for n, order in enumerate(orders):
                if all(good[order[c] - 1] == key[c] for c in range(1, len(key))):
                    fits.append((n, order))
            left.append(fits)
        for chosen in itertools.product(*left):
            number = 0
            for (n, _), orders in zip(chosen, self.orders, strict=True):
                number = number * len(orders) + n
            yield number, [order for _, order in chosen]


def _shape(cell: Cell, names: Mapping[str, int]) -> tuple[object, tuple[tuple[int, int], ...]]:
    """What of a cell no exchange changes, and its owners."""
    owners, rest = [], []
    for index in cell.index:
        assert isinstance(index, Const)
        name = index.sort.cls if isinstance(index.sort, Ref) else ""
        if name in names:
            owners.append((names[name], index.value))
            rest.append(-1 - names[name])
        else:
            rest.append(index.value)
    return (cell.var, tuple(rest)), tuple(owners)

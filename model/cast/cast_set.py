# SPDX-License-Identifier: GPL-2.0-only
"""Sets of casts, declared as a product: by default, in full, by name, drawn by chance."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .casts import Axis, Cast, Initial, Subject
from .neighbour import Neighbour
from .parts import Blueprint

Group = tuple[Neighbour, ...]


@dataclass(frozen=True)
class CastSet:
    """A product of casts.

    By default each neighbour alone begins in every state and with each default value of every axis;
    `starts` names the states for a value of an axis that takes fewer.  Pairs begin only in the
    states of `pair_initial`.  `--full` takes every state and value for all.  A sample is drawn from
    casts of as many neighbours and with such values as `sampled` says.  `writers` are neighbours
    that hold VMAs of the subject for writing, and keep off whoever reads them: they are paired with
    each other alone, and begin as pairs do.
    """

    blueprint: Blueprint
    subjects: tuple[Subject, ...]
    axes: tuple[Axis, ...]
    neighbours: Group
    initial: tuple[Initial, ...]
    writers: Group = ()
    pair_initial: tuple[str, ...] = ()
    starts: Mapping[tuple[str, Any], tuple[str, ...]] = field(default_factory=dict)
    assumed: tuple[Initial, ...] = ()
    """States that no kernel is in, decided only when a scenario is asked for by name."""
    sampled: tuple[tuple[int, Mapping[str, Any]], ...] = ((3, {}), (4, {}))

    @property
    def beside(self) -> Group:
        """All that may run beside a subject."""
        return (*self.neighbours, *self.writers)

    @property
    def main(self) -> tuple[Initial, ...]:
        """The states that pairs begin in; the first one where a set names none."""
        return tuple(i for i in self.initial if i.name in self.pair_initial) or self.initial[:1]

    def quick(self, kernel: str) -> list[Cast]:
        """Each neighbour alone from the main states, with the first value of every axis."""
        first = {a.name: a.default[0] for a in self.axes}
        alone = [n for n in self.beside if n.exists_in(kernel)]
        groups: list[Group] = [(), *((n,) for n in alone)]
        product = itertools.product(self.subjects, groups, self.main)
        return _fitting(self._cast(s, g, first, i) for s, g, i in product)

    def default(self, kernel: str) -> list[Cast]:
        """Each neighbour alone from every state, all pairs from the states named for pairs."""
        found: list[Cast] = []
        for subject in self.subjects:
            for others in [(), *((n,) for n in self._present(kernel))]:
                for values in self._values(a.default for a in self.axes):
                    found += [self._cast(subject, others, values, i) for i in self._begin(values)]
            starts = [i for i in self.initial if i.name in self.pair_initial]
            first = {a.name: a.default[0] for a in self.axes}
            pairs = itertools.combinations(self._present(kernel), 2)
            for others in (*pairs, *self._writing(kernel)):
                found += [self._cast(subject, others, first, i) for i in starts]
        return _fitting(found)

    def full(self, kernel: str) -> list[Cast]:
        """Every cast of the product, pairs included."""
        return self._product(kernel, 2, self._values(a.values for a in self.axes), self.initial)

    def counterfactual(self, kernel: str) -> list[Cast]:
        """Each neighbour alone, from the assumed states."""
        return self._product(kernel, 1, self._values(a.default for a in self.axes), self.assumed)

    def asked(self, kernel: str) -> list[Cast]:
        """Each neighbour alone, with a value that is taken only where a scenario names it."""
        usual = self._values(a.values for a in self.axes)
        more = [v for v in self._values(a.every for a in self.axes) if v not in usual]
        return self._product(kernel, 1, more, self.initial)

    def _product(
        self, kernel: str, most: int, values: Sequence[Mapping[str, Any]],
        initial: Iterable[Initial],
    ) -> list[Cast]:  # fmt: skip
        here = self._present(kernel)
        groups = [g for count in range(most + 1) for g in itertools.combinations(here, count)]
        groups += [g for g in self._writing(kernel) if len(g) <= most]
        product = itertools.product(self.subjects, groups, values, initial)
        return _fitting(self._cast(s, g, v, i) for s, g, v, i in product)

    def sample(self, kernel: str, count: int, seed: int) -> list[Cast]:
        """So many casts of several neighbours, those of each size in `sampled` as many as the
        others; all of a size that has no more."""
        rng = random.Random(seed)
        drawn: list[Cast] = []
        for n, (groups, starts) in enumerate(self._several(kernel)):
            share = (count + len(self.sampled) - 1 - n) // len(self.sampled)
            every = range(len(groups) * len(starts))
            for at in sorted(rng.sample(every, min(share, len(every)))):
                group, start = divmod(at, len(starts))
                drawn.append(self._cast(groups[group][0], groups[group][1], *starts[start]))
        return drawn

    def sampled_from(self, kernel: str) -> int:
        """How many casts there are that a sample may have."""
        return sum(len(groups) * len(starts) for groups, starts in self._several(kernel))

    def _several(
        self, kernel: str
    ) -> Iterator[tuple[list[tuple[Subject, Group]], list[tuple[Mapping[str, Any], Initial]]]]:
        """For each size in `sampled` the subjects with their neighbours, and the beginnings."""
        for others, fixed in self.sampled:
            chosen = (
                group for group in itertools.combinations(self._present(kernel), others)
                if sum(n.stores for n in group) <= 1
            )  # fmt: skip
            groups = list(itertools.product(self.subjects, chosen))
            values = self._values(
                [fixed[a.name]] if a.name in fixed else a.values for a in self.axes
            )
            known = all(v in a.values for a in self.axes for v in [fixed.get(a.name, a.values[0])])
            starts = itertools.product(values, self.initial) if known else ()
            yield groups, [(v, i) for v, i in starts if i.fits(v)]

    def named(self, name: str, kernel: str) -> Cast | None:
        """The cast of a name, which may have more neighbours than the product; None if a part of
        the name is not known."""
        subject, *others = name.partition("/")[0].split("+")
        here = {n.name: n for n in self.beside if n.exists_in(kernel)}
        subjects = [s for s in self.subjects if s.name == subject]
        if not subjects or not here.keys() >= set(others):
            return None
        group = tuple(here[n] for n in others)
        values = self._values(a.every for a in self.axes)
        product = itertools.product(values, (*self.initial, *self.assumed))
        casts = (self._cast(subjects[0], group, v, i) for v, i in product if i.fits(v))
        return next((c for c in casts if c.name == name), None)

    def cast(self, others: Sequence[Neighbour] = (), initial: str = "", **axes: Any) -> Cast:
        """A cast of the first subject: its first state and the first default value of each axis
        where nothing is said."""
        values = {a.name: axes.pop(a.name, a.default[0]) for a in self.axes}
        assert not axes, f"no axis {', '.join(axes)}"
        every = (*self.initial, *self.assumed)
        begin = next(i for i in every if not initial or i.name == initial)
        return self._cast(self.subjects[0], tuple(others), values, begin)

    def absent(self, kernel: str) -> list[str]:
        """The neighbours that a kernel does not have."""
        return [n.name for n in self.beside if not n.exists_in(kernel)]

    def told(self, neighbour: Neighbour) -> str:
        """A neighbour in a line, with the noun of its role."""
        return neighbour.told(self.blueprint.roles)

    def _writing(self, kernel: str) -> list[Group]:
        """Each writer, and each two of them."""
        here = [n for n in self.writers if n.exists_in(kernel)]
        return [*((n,) for n in here), *itertools.combinations(here, 2)]

    def _present(self, kernel: str) -> list[Neighbour]:
        return [n for n in self.neighbours if n.exists_in(kernel)]

    def _values(self, choices: Iterable[Iterable[Any]]) -> list[Mapping[str, Any]]:
        names = [a.name for a in self.axes]
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*choices)]

    def _begin(self, values: Mapping[str, Any]) -> tuple[Initial, ...]:
        named = [self.starts[item] for item in values.items() if item in self.starts]
        return tuple(i for i in self.initial if all(i.name in some for some in named))

    def _cast(
        self, subject: Subject, others: Group, values: Mapping[str, Any], initial: Initial
    ) -> Cast:
        spelled = "/".join(a.spell.format(values[a.name]) for a in self.axes)
        few = any(item in self.starts for item in values.items())
        return Cast(subject, others, values, initial, self.blueprint, spelled, few)


def _fitting(casts: Iterable[Cast]) -> list[Cast]:
    """Those whose initial state fits, and in which user code stores once at most: with eager TLBs
    two stores could use translations of which no CPU held one after the other."""
    return [c for c in casts if c.initial.fits(c.axes) and sum(c.stores().values()) <= 1]

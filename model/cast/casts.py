# SPDX-License-Identifier: GPL-2.0-only
"""Casts: a routine, what runs beside it, and the state that it all begins in.

A cast is named like ``move+gup_fast+zap_src/2p/ptl=same/init=one_at_dst``.  They are declared as
a product; `casts` lists it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model.lang.compose import Invocation
from model.lang.declare import ModelFunction

from .worlds import Setup

Routine = tuple[ModelFunction[..., Any], tuple[Any, ...]]
"""A routine and the arguments that it is called with."""

SAMPLED = ((3, 1), (3, 2), (4, 1))
"""Neighbours and pages of the casts that a sample is drawn from: more than the default set has."""

same, different = True, False
"""Whether the two page-table locks of a cast are one."""


def version_key(version: str) -> tuple[int, ...]:
    """Kernel versions in their order."""
    return tuple(int(part) for part in version.split("."))


@dataclass(frozen=True)
class Initial:
    """A state to begin in: what `set_up` makes of the world in which all pages are at the source.

    `assumption`: why no real kernel is in this state, if none is.
    """

    name: str
    doc: str
    set_up: Callable[[Setup], None]
    needs: frozenset[str] = frozenset()
    least_pages: int = 1
    assumption: str = ""


@dataclass(frozen=True)
class Neighbour:
    """A routine that may run beside the one under test.

    `since` gives what it calls by the first kernel version with that text.  `user_stores` and
    `user_lazy` are about the user CPU: how often it stores, and whether it is lazy at first.
    """

    name: str
    doc: str
    since: Mapping[str, Callable[[Setup], Routine | None]] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    user_stores: int = 0
    user_lazy: bool = False
    again: Callable[[Setup], tuple[Any, ...]] | None = None
    """The routine under test a second time, with these arguments, instead of `since`."""

    def at(self, kernel: str) -> Callable[[Setup], Routine | None]:
        """What runs in a kernel version; KeyError if it did not exist then."""
        known = [v for v in self.since if version_key(v) <= version_key(kernel)]
        if not known:
            raise KeyError(f"{self.name} does not exist in {kernel}")
        return self.since[max(known, key=version_key)]

    def exists_in(self, kernel: str) -> bool:
        return self.again is not None or any(
            version_key(v) <= version_key(kernel) for v in self.since
        )


@dataclass(frozen=True)
class Cast:
    """One composition to decide; `others` run beside the subject."""

    subject: str
    others: tuple[Neighbour, ...]
    pages: int
    same_ptl: bool
    initial: Initial

    @property
    def name(self) -> str:
        who = "+".join([self.subject, *(n.name for n in self.others)])
        ptl = "same" if self.same_ptl else "different"
        return f"{who}/{self.pages}p/ptl={ptl}/init={self.initial.name}"

    @property
    def threads(self) -> int:
        """Threads of its world: three if fewer play, so that casts share one."""
        return max(3, len(self.others) + 1)

    @property
    def needs(self) -> frozenset[str]:
        return self.initial.needs.union(*(n.needs for n in self.others))


@dataclass(frozen=True)
class CastSet:
    """A product of casts.

    By default each neighbour alone begins in every state, but with one page-table lock for both
    tables, and in pairs, only in the states of those names; `--full` takes every state for all,
    and all page counts.
    """

    subject: str
    neighbours: tuple[Neighbour, ...]
    initial: tuple[Initial, ...]
    pages: tuple[int, ...] = (1, 2, 3)
    ptl: tuple[bool, ...] = (different, same)
    default_pages: int = 2
    pair_initial: tuple[str, ...] = ()
    same_ptl_initial: tuple[str, ...] = ()
    assumed: tuple[Initial, ...] = ()
    """States that no kernel is in, decided only when a scenario is asked for by name."""

    def default(self, kernel: str) -> list[Cast]:
        """Each neighbour alone from every state, all pairs from the states named for pairs."""
        found: list[Cast] = []
        for others in [(), *((n,) for n in self._present(kernel))]:
            for ptl in self.ptl:
                states = self.initial
                if ptl is same:
                    states = tuple(i for i in states if i.name in self.same_ptl_initial)
                found += [self._cast(others, self.default_pages, ptl, i) for i in states]
        starts = [i for i in self.initial if i.name in self.pair_initial]
        for two in itertools.combinations(self._present(kernel), 2):
            found += [self._cast(two, self.default_pages, different, i) for i in starts]
        return _real(found)

    def full(self, kernel: str) -> list[Cast]:
        """Every cast of the product, pairs included."""
        here = self._present(kernel)
        groups: list[tuple[Neighbour, ...]] = [(), *((n,) for n in here)]
        groups += list(itertools.combinations(here, 2))
        product = itertools.product(groups, self.pages, self.ptl, self.initial)
        return _real(self._cast(g, n, p, i) for g, n, p, i in product)

    def counterfactual(self, kernel: str) -> list[Cast]:
        """Each neighbour alone, from the assumed states."""
        groups: list[tuple[Neighbour, ...]] = [(), *((n,) for n in self._present(kernel))]
        product = itertools.product(groups, self.ptl, self.assumed)
        return _real(self._cast(g, self.default_pages, p, i) for g, p, i in product)

    def sample(self, kernel: str, count: int, seed: int) -> list[Cast]:
        """So many casts of several neighbours, those of each size in `SAMPLED` as many as the
        others; all of a size that has no more."""
        rng = random.Random(seed)
        drawn: list[Cast] = []
        for n, (pages, groups, starts) in enumerate(self._several(kernel)):
            share = (count + len(SAMPLED) - 1 - n) // len(SAMPLED)
            every = range(len(groups) * len(starts))
            for at in sorted(rng.sample(every, min(share, len(every)))):
                group, start = divmod(at, len(starts))
                drawn.append(self._cast(groups[group], pages, *starts[start]))
        return drawn

    def sampled_from(self, kernel: str) -> int:
        """How many casts there are that a sample may have."""
        return sum(len(groups) * len(starts) for _, groups, starts in self._several(kernel))

    def _several(
        self, kernel: str
    ) -> Iterator[tuple[int, list[tuple[Neighbour, ...]], list[tuple[bool, Initial]]]]:
        """For each size in `SAMPLED` the pages, the sets of neighbours and the beginnings."""
        for others, pages in SAMPLED:
            groups = list(itertools.combinations(self._present(kernel), others))
            starts = itertools.product(self.ptl, self.initial) if pages in self.pages else ()
            yield pages, groups, [(p, i) for p, i in starts if pages >= i.least_pages]

    def named(self, name: str, kernel: str) -> Cast | None:
        """The cast of a name, which may have more neighbours than the product; None if a part of
        the name is not known."""
        who = name.partition("/")[0]
        here = {n.name: n for n in self._present(kernel)}
        others = who.split("+")[1:]
        if not here.keys() >= set(others):
            return None
        group = [here[n] for n in others]
        product = itertools.product(self.pages, self.ptl, (*self.initial, *self.assumed))
        casts = _real(self._cast(group, p, ptl, i) for p, ptl, i in product)
        return next((c for c in casts if c.name == name), None)

    def _present(self, kernel: str) -> list[Neighbour]:
        return [n for n in self.neighbours if n.exists_in(kernel)]

    def _cast(self, others: Sequence[Neighbour], pages: int, ptl: bool, initial: Initial) -> Cast:
        return Cast(self.subject, tuple(others), pages, ptl, initial)


def _real(casts: Iterable[Cast]) -> list[Cast]:
    return [c for c in casts if c.pages >= c.initial.least_pages]


def invocations(
    setup: Setup, subject: Routine, others: Sequence[Neighbour], kernel: str
) -> list[Invocation]:
    """The threads of a cast: the subject on the first CPU, each neighbour on one of its own."""
    found = [Invocation(setup.threads[0], subject[0], subject[1])]
    free = iter(setup.threads[1:])
    for other in others:
        if other.again is not None:
            routine: Routine | None = (subject[0], other.again(setup))
        else:
            routine = other.at(kernel)(setup)
        if routine is not None:
            found.append(Invocation(next(free), routine[0], routine[1]))
    return found

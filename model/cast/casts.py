# SPDX-License-Identifier: GPL-2.0-only
"""Casts: a routine, what runs beside it, and the state that it all begins in.

A cast is named like ``move+gup_fast+zap_src/2p/ptl=same/init=one_at_dst``: the subject with its
neighbours, the value of each axis of the family, the initial state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from model.lang.compose import Invocation
from model.lang.errors import ModelError

from .neighbour import Neighbour, Routine
from .parts import Blueprint, Plan, Setup

LEAST_CREW = 3
"""Threads of a world at the least, so that casts of few routines share one."""


def _is_number(value: Any) -> bool:
    """True for a number; Python takes True and False for some."""
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Axis:
    """A way in which the casts of a family differ besides who plays.

    `--full` takes all `values`, the default set those in `default`, pairs its first; those that are
    `asked` are taken only where a scenario names them.  `spell` is how a value is written in the
    name of a cast.  A value that is a number says how large the world is, and of what `noun` there
    are so many.
    """

    name: str
    values: tuple[Any, ...]
    default: tuple[Any, ...]
    spell: str
    noun: str
    asked: tuple[Any, ...] = ()

    @property
    def every(self) -> tuple[Any, ...]:
        """All values that a scenario may name."""
        return (*self.values, *self.asked)

    @property
    def is_size(self) -> bool:
        """True if larger values make larger worlds."""
        return all(_is_number(v) for v in self.every)


@dataclass(frozen=True, eq=False)
class Initial:
    """A state to begin in: what `set_up` makes of the world as it is built.

    `least` are the smallest values of axes that it fits into.  `assumption`: why no real kernel is
    in this state, if none is.  `arguments` are handed to the call of the subject.
    """

    name: str
    doc: str
    set_up: Callable[[Setup], None]
    needs: frozenset[str] = frozenset()
    least: Mapping[str, int] = field(default_factory=dict)
    assumption: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, axes: Mapping[str, Any]) -> bool:
        """True if a world of these values is large enough."""
        return all(axes[name] >= least for name, least in self.least.items())


@dataclass(frozen=True)
class Subject:
    """A routine of a family that is decided; `arguments` are those of its call in a world, with
    what an initial state chooses."""

    name: str
    doc: str
    arguments: Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class Cast:
    """A composition to decide; `others` run beside the subject.

    `spelled` is how its name says the values of the axes; `few` if casts of such values begin in
    few states.
    """

    subject: Subject
    others: tuple[Neighbour, ...]
    axes: Mapping[str, Any]
    initial: Initial
    blueprint: Blueprint
    spelled: str
    few: bool = False

    @cached_property
    def name(self) -> str:
        who = "+".join([self.subject.name, *(n.name for n in self.others)])
        return f"{who}/{self.spelled}/init={self.initial.name}"

    @property
    def needs(self) -> frozenset[str]:
        return self.initial.needs.union(*(n.needs for n in self.others))

    @property
    def size(self) -> tuple[int, ...]:
        """The values of axes that say how large the world is."""
        return tuple(v for v in self.axes.values() if _is_number(v))

    def process_of(self, other: Neighbour) -> str:
        """The process in which a neighbour runs."""
        return other.process or self.blueprint.process_of(other.role)

    @property
    def crew(self) -> tuple[str, ...]:
        """The process of each thread of its world, the subject's first."""
        home = self.blueprint.home
        coded = [self.process_of(n) for n in self.others if n.runs_code]
        least = max(LEAST_CREW, len(self.others) + 1)
        return (home, *coded, *[home] * (least - 1 - len(coded)))

    def stores(self) -> Mapping[str, int]:
        """How often the user CPU of each process stores; nothing of one that stores never."""
        found: dict[str, int] = {}
        for other in self.others:
            if other.stores:
                process = self.process_of(other)
                found[process] = found.get(process, 0) + other.stores
        return found

    def lazy(self) -> frozenset[str]:
        """The processes whose user CPU is lazy at first."""
        return frozenset(self.process_of(n) for n in self.others if n.lazy)


def world_of(cast: Cast) -> Setup:
    """The world of a cast alone."""
    return cast.blueprint.world(Plan(cast.axes, cast.needs, cast.crew))


def invocations(setup: Setup, subject: Routine, cast: Cast, kernel: str) -> list[Invocation]:
    """The threads of a cast: the subject on the first CPU, each neighbour on one of its own.

    ModelError if the world has no thread in the process of one.
    """
    found = [Invocation(setup.threads[0], subject[0], subject[1])]
    free = iter(zip(setup.threads[1:], setup.plan.crew[1:], strict=True))
    for other in cast.others:
        if not other.runs_code:
            continue
        thread, process = next(free)
        if process != cast.process_of(other):
            raise ModelError(
                f"{cast.name}: {other.name} runs in {cast.process_of(other)}, and its thread "
                f"in {process or 'none'}", why="flushes would take it for one of the other",
            )  # fmt: skip
        if other.again is not None:
            fn, args = subject[0], other.again(setup)
        else:
            routine = other.routine(kernel)
            assert routine is not None
            fn, args = routine, (setup.vma(other.role),)
        found.append(Invocation(thread, fn, args))
    return found

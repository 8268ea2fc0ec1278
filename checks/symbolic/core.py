# SPDX-License-Identifier: GPL-2.0-only
"""A core: a transition system about any number of objects, with its invariant as named clauses.

Its state is a handful of functions.  An action has objects as parameters, a guard, and the state
after it, which is made of the one before; what it does not name stays.  Guards, effects and clauses
are functions of a `Logic` and of states, so that they can be proved and be carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .logic import Logic, Term


class View:
    """A state: its functions by name, as attributes."""

    def __init__(self, logic: Logic, functions: Mapping[str, Callable[..., Term]]) -> None:
        self._logic, self._functions = logic, dict(functions)

    def __getattr__(self, name: str) -> Callable[..., Term]:
        try:
            return self._functions[name]
        except KeyError:
            raise AttributeError(name) from None

    def set(self, name: str, where: tuple[Term, ...], value: Term) -> View:
        """This state, but with another value of a function at one place."""
        old, logic = self._functions[name], self._logic

        def new(*args: Term) -> Term:
            here = logic.both(*(logic.same(a, w) for a, w in zip(args, where, strict=True)))
            return logic.choose(here, value, old(*args))

        return self.whole(name, new)

    def whole(self, name: str, new: Callable[..., Term]) -> View:
        """This state, but with another function of a name."""
        return View(self._logic, {**self._functions, name: new})


@dataclass(frozen=True)
class Function:
    """A function of the state: sorts of its arguments, with blanks between, and of its value (a
    sort, an enumeration or bool); `fixed` ones never change."""

    args: str
    value: str
    doc: str
    fixed: bool = False


@dataclass(frozen=True)
class Action:
    """A step: sorts of its parameters, with blanks between; the kernel's or the hardware's part in
    `doc`."""

    name: str
    params: str
    guard: Callable[..., Term]
    after: Callable[..., View]
    doc: str


@dataclass(frozen=True)
class Clause:
    """A part of the invariant."""

    name: str
    says: str
    holds: Callable[[Logic, View], Term]


@dataclass(frozen=True)
class Theorem:
    """What follows from the invariant, for users."""

    name: str
    says: str
    holds: Callable[[Logic, View], Term]


@dataclass(frozen=True)
class Core:
    """All of it.  `assumes` are sentences about what it leaves out."""

    name: str
    doc: str
    sorts: tuple[str, ...]
    functions: Mapping[str, Function]
    initial: Callable[[Logic, View], Term]
    actions: tuple[Action, ...]
    clauses: tuple[Clause, ...]
    theorems: tuple[Theorem, ...]
    assumes: tuple[str, ...] = ()
    axioms: tuple[Clause, ...] = ()
    """What is true of functions that never change."""
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fades: Mapping[str, str] = field(default_factory=dict)
    """Relations, and the action that makes one false at its parameters: a step of a model may be an
    action and then, in this order, any number of these."""

    def action(self, name: str) -> Action:
        return next(a for a in self.actions if a.name == name)

# SPDX-License-Identifier: GPL-2.0-only
"""A core: a transition system about any number of objects, with its invariant as named clauses.

Its state is a handful of functions.  An action has objects as parameters, a guard, and the state
after it, which is made of the one before; what it does not name stays.  Guards, effects and clauses
are functions of a `Logic` and of states, so that they can be proved and be carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

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
class Need:
    """What the protocol sees to before a step: a part of a guard, which actions may share."""

    name: str
    says: str
    holds: Callable[..., Term]


@dataclass(frozen=True)
class Effect:
    """What the protocol does as well at a step: the state that it makes of the one before, the one
    that the rest of the step leaves, and the parameters."""

    name: str
    says: str
    makes: Callable[..., View]


@dataclass(frozen=True)
class Action:
    """A step: sorts of its parameters, with blanks between; the kernel's or the hardware's part in
    `doc`.

    `may` and `then` are what makes it that step at all.  What a patch may get wrong has a name:
    `needs` and `effects`.
    """

    name: str
    params: str
    may: Callable[..., Term]
    then: Callable[..., View]
    doc: str
    needs: tuple[Need, ...] = ()
    effects: tuple[Effect, ...] = ()

    def guard(self, g: Logic, s: View, *params: Term) -> Term:
        """When it can be taken."""
        return g.both(self.may(g, s, *params), *(n.holds(g, s, *params) for n in self.needs))

    def after(self, g: Logic, s: View, *params: Term) -> View:
        """The state after it."""
        now = self.then(g, s, *params)
        for effect in self.effects:
            now = effect.makes(g, s, now, *params)
        return now

    def named(self) -> set[str]:
        """The names of its needs and effects."""
        return {need.name for need in self.needs} | {effect.name for effect in self.effects}

    def sayings(self, names: Collection[str]) -> list[str]:
        """What needs and effects of these names say."""
        return [need.says for need in self.needs if need.name in names] + [
            effect.says for effect in self.effects if effect.name in names
        ]

    def without(self, names: Collection[str]) -> Action:
        """The step as one does it that does not see to some needs, and leaves effects out."""
        return replace(
            self, needs=tuple(n for n in self.needs if n.name not in names),
            effects=tuple(e for e in self.effects if e.name not in names),
        )  # fmt: skip


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

    def without(self, *names: str) -> Core:
        """The core of a protocol that does not see to some needs, and leaves effects out."""
        assert not set(names).difference(*(a.named() for a in self.actions)), names
        return replace(self, actions=tuple(a.without(names) for a in self.actions))

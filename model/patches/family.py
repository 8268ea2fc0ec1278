# SPDX-License-Identifier: GPL-2.0-only
"""What a patch file declares: what it asks, its variants, its casts.  No invariant is named."""

from __future__ import annotations

import re
import types
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from model.cast.cast_set import CastSet
from model.cast.casts import Cast
from model.cast.kernels import kernel_named
from model.cast.neighbour import Routine
from model.cast.parts import Setup
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, near

from .mutant import Mutant

Function = ModelFunction[..., Any]

_RELEASE = re.compile(r"\d+\.\d+(\.\d+)?")


@dataclass(frozen=True, eq=False)
class Variant:
    """A version of a patch's routines; another of the same name is another one.

    `kernel` is the version that they belong to and from which neighbours come; `beside` another
    one, when they are composed with neighbours that they never ran beside: then `counterfactual`
    says so.  `onto` is the version that its patch changes, if that is not what the family calls
    `before`.  `routines` are those of the subjects, by name; `about` are functions of
    `model/kernel` that the patch changes; `swap` replaces functions that they and their neighbours
    call, and `edited` those that they alone call (see `edited`).  `file` is where the routines are,
    for traces.  `base` and `base_variant` are what a user's own variant was made from.
    """

    name: str
    doc: str
    kernel: str
    routines: Mapping[str, Function]
    file: str
    beside: str = ""
    counterfactual: str = ""
    onto: str = ""
    about: frozenset[Function] = frozenset()
    swap: Mapping[Function, Function] = field(default_factory=dict)
    edited: Mapping[Function, Function] = field(default_factory=dict)
    base: str = ""
    base_variant: str = ""

    @property
    def neighbours_from(self) -> str:
        return self.beside or self.kernel

    @property
    def edited_names(self) -> list[str]:
        """The functions that its routines call with an edited text."""
        called = self.called_by(self.routines.values())
        return sorted(name for name, fns in called.items() if any(fn.text for fn in fns))

    def call(self, cast: Cast, setup: Setup) -> Routine:
        """The subject of a cast, with the arguments that its initial state chooses."""
        arguments = cast.subject.arguments(setup, **cast.initial.arguments)
        return self.routines[cast.subject.name], arguments

    def swap_in(self, routine: Function) -> Mapping[Function, Function]:
        """The functions that others replace in what a routine calls."""
        if not self.edited or routine not in self.routines.values():
            return self.swap
        swapped = {old: self.edited.get(new, new) for old, new in self.swap.items()}
        return {**self.edited, **swapped}

    def called_by(self, routines: Iterable[Function]) -> dict[str, list[Function]]:
        """The functions that some routines call in this version, themselves included, by name."""
        found: dict[str, list[Function]] = {}
        for routine in routines:
            for fn in _called(routine, self.swap_in(routine)):
                if fn not in found.setdefault(fn.name, []):
                    found[fn.name].append(fn)
        return found


def _called(routine: Function, swap: Mapping[Function, Function]) -> Collection[Function]:
    """The functions that a routine calls, itself included, with others in the place of some."""
    todo = [swap.get(routine, routine)]
    found: dict[Function, None] = {}
    while todo:
        fn = todo.pop()
        if fn in found:
            continue
        found[fn] = None
        plain = fn.fn
        assert isinstance(plain, types.FunctionType)
        for name in _names(plain.__code__):
            known = plain.__globals__.get(name)
            for one in known if isinstance(known, tuple) else (known,):
                if isinstance(one, ModelFunction):
                    todo.append(swap.get(one, one))
    return found


def _names(code: types.CodeType) -> Iterator[str]:
    """The names of globals that a function uses, also inside of its comprehensions."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _names(part)


def _beside(variant: Variant, kernel: str) -> Variant:
    """A version beside the neighbours of another kernel than its own."""
    known = kernel_named(kernel)
    own = "" if known.name == variant.kernel else f"{variant.name} is of {variant.kernel}"
    return replace(variant, name=f"{variant.name}:{kernel}", beside=kernel, counterfactual=own)


def texts(variant: Variant, routines: Iterable[Function]) -> Mapping[str, int]:
    """The number of functions of these routines that are read off each kernel release."""
    found = variant.called_by(routines).values()
    versions = [
        fn.version for fns in found for fn in fns if fn.cite and _RELEASE.fullmatch(fn.version)
    ]
    return Counter(versions)


@dataclass(frozen=True)
class Observation:
    """A finding about Linux that a model supports: in which variant, and why it is believed; on
    which architectures, if not on all."""

    variant: str
    text: str
    archs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A question of a reviewer, the arguments of the command that answers it ("" where none does),
    and what it says."""

    text: str
    arguments: str
    answer: str


@dataclass(frozen=True)
class AsSystemCall:
    """A subject as a system call of the reference MM (docs/reference-mm.md), by the `name` of this.

    The last operation of `program` is one, and takes the steps that the subject takes alone in the
    cast of that name.  `parts` are further routines of the patch that it runs, which no cast has.
    """

    name: str
    cast: str
    program: str
    parts: Mapping[str, Function] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """A patch and what is known of its versions.

    `without` are architectures that do not have what the patch is about, and why.  `questions` were
    asked in its review.  `before` and `after` name the variants that a bare name compares.  `never`
    lists branches that no cast takes ("file.py:function:line:yes or no"), with the reason.
    `not_modelled` are calls of the kernel's functions that the models do not make, with the reason.
    `system_calls` are subjects that the reference MM runs, `no_system_call` the others, with the
    reason why it has nothing that is one.
    """

    name: str
    title: str
    asks: str
    left_out: str
    variants: tuple[Variant, ...]
    before: str
    after: str
    casts: CastSet
    mutants: tuple[Mutant, ...] = ()
    observations: tuple[Observation, ...] = ()
    questions: tuple[Asked, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)
    not_modelled: Mapping[str, str] = field(default_factory=dict)
    system_calls: Mapping[str, AsSystemCall] = field(default_factory=dict)
    no_system_call: Mapping[str, str] = field(default_factory=dict)

    def changed(self, variant: Variant) -> frozenset[Function]:
        """Functions that versions of the patch, and this one, put in the place of others, and
        those others."""
        swaps = (v.swap for v in (*self.variants, variant))
        return frozenset(fn for swap in swaps for pair in swap.items() for fn in pair)

    def base(self, variant: Variant) -> Variant:
        """The version that the patch of another one changes."""
        return self.variant(variant.onto or self.before)

    def variant(self, name: str) -> Variant:
        """The variant of a name, or, as ``merged:6.12.107``, beside the neighbours of another
        kernel; ModelError lists the known ones."""
        alone, beside, kernel = name.partition(":")
        for variant in self.variants:
            if variant.name == alone:
                return _beside(variant, kernel) if beside else variant
        known = [v.name for v in self.variants]
        raise ModelError(f"{self.name} has no variant '{name}'", instead=near(name, known))

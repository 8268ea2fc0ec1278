# SPDX-License-Identifier: GPL-2.0-only
"""Decorators that make a Python function part of a model.

    @kernel     a routine: one kernel function, step by step
    @primitive  a few steps that a trace shows as the one call that the routine makes
    @step       one step: a guard, one access to memory, its effect
    @rule       a step that may happen at any time, for every choice of its arguments
    @hardware_rule  such a step that no software takes
    @pure       an expression
    @effect     part of a step: what it does to hardware and ghosts
    @static     plain Python, run when the model is compiled; its arguments are constants

A decorated function still runs as Python; see `runtime`.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, TypeVar

from . import runtime
from .errors import ModelError, shown_path
from .order import Order, declared
from .traits import Trait, traits_of

P = ParamSpec("P")
R = TypeVar("R")

Text = tuple[str, ast.FunctionDef]
"""The file and the syntax tree of a function."""


class ModelFunction(Generic[P, R]):
    """A function of a model, with what its decorator declared.

    `cite` is ``file:function`` of the kernel, `version` the version read; `orders` is how it is
    ordered, by memory model; `traits` are what invariants attach to and reductions rest on (see
    `traits`).  `hardware`, of a rule: no software takes the step, and whoever waits is not helped
    by its being possible.  One that was made of another has a `text` and the function that it is
    made `of` (see `frontend.source.edited`).
    """

    text: Text | None = None
    of: ModelFunction[..., Any] | None = None

    def __init__(
        self,
        kind: str,
        fn: Callable[P, R],
        *,
        cite: str = "",
        version: str = "",
        order: Order = "",
        traits: frozenset[Trait] = frozenset(),
        barrier: str = "",
        several: str = "",
        hardware: bool = False,
    ) -> None:
        self.kind, self.fn, self.cite, self.version = kind, fn, cite, version
        self.orders, self.traits = declared(order), traits
        self.barrier, self.several, self.hardware = barrier, several, hardware
        functools.update_wrapper(self, fn)
        self.name: str = fn.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        fn: ModelFunction[P, R] = runtime.observer().called(self) if runtime.watched else self
        if fn.kind == "step":
            return runtime.run_step(fn.name, fn.fn, args, kwargs)
        return fn.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"

    @property
    def foreign(self) -> frozenset[Trait]:
        """The trait of what it does, unless that is of `model` as it is written there."""
        return foreign(self.fn) if self.text is None else frozenset({Trait.FOREIGN})

    @property
    def citation(self) -> str:
        """Kernel file, function and version, as a trace shows it."""
        return f"{self.cite} {self.version}".strip()


def foreign(fn: Callable[..., Any]) -> frozenset[Trait]:
    """The trait of what a function does that is none of `model`."""
    ours = fn.__module__.startswith("model.")
    return frozenset() if ours else frozenset({Trait.FOREIGN})


def kernel(cite: str, version: str) -> Callable[[Callable[P, R]], ModelFunction[P, R]]:
    """A routine: `cite` is the kernel's ``file:function``, `version` the version modelled."""

    def wrap(fn: Callable[P, R]) -> ModelFunction[P, R]:
        return ModelFunction("routine", fn, cite=cite, version=version)

    return wrap


def primitive(cite: str, version: str = "") -> Callable[[Callable[P, R]], ModelFunction[P, R]]:
    """Several steps that a trace shows as one call."""

    def wrap(fn: Callable[P, R]) -> ModelFunction[P, R]:
        return ModelFunction("primitive", fn, cite=cite, version=version)

    return wrap


def step(
    cite: str = "",
    version: str = "",
    *,
    order: Order = "",
    traits: str = "",
    barrier: str = "",
    several: str = "",
) -> Callable[[Callable[P, R]], ModelFunction[P, R]]:
    """One step: it touches one place in memory, besides hardware and ghosts.

    `order`: how it is ordered (`order`), without which it may not touch memory.  `traits` are
    words of `Trait`, separated by spaces; ModelError for another.  `barrier`: it is one, of this
    kind.  `several`: why it may touch more than one place at once.
    """

    def wrap(fn: Callable[P, R]) -> ModelFunction[P, R]:
        where = f"{shown_path(fn.__code__.co_filename)}:{fn.__code__.co_firstlineno}:0"
        words = traits_of(traits.split(), where) | foreign(fn)
        try:
            return ModelFunction(
                "step", fn, cite=cite, version=version, order=order, traits=words,
                barrier=barrier, several=several,
            )  # fmt: skip
        except ModelError as error:
            raise error.at(where) from error

    return wrap


def rule(fn: Callable[P, R]) -> ModelFunction[P, R]:
    """A guarded command: fires at any time, for each choice of its arguments."""
    return ModelFunction("step", fn, traits=frozenset({Trait.RULE}), several="a rule")


def hardware_rule(fn: Callable[P, R]) -> ModelFunction[P, R]:
    """A guarded command that the machine carries out by itself: no progress of any software, so
    that threads that all wait are in a deadlock though it may still fire."""
    return ModelFunction(
        "step", fn, traits=frozenset({Trait.RULE}), several="a rule", hardware=True
    )


def pure(fn: Callable[P, R]) -> ModelFunction[P, R]:
    """An expression over its arguments (inside a step, also over the fields that it reads)."""
    return ModelFunction("pure", fn)


def effect(fn: Callable[P, R]) -> ModelFunction[P, R]:
    """A helper that steps call and that may write fields; no step of its own."""
    return ModelFunction("effect", fn)


def static(fn: Callable[P, R]) -> ModelFunction[P, R]:
    """Ordinary Python, carried out by the front end while it compiles."""
    return ModelFunction("static", fn)


@contextmanager
def swapped(
    swap: Mapping[ModelFunction[..., Any], ModelFunction[..., Any]],
) -> Iterator[None]:
    """Let calls of the functions run the others, as `Context.swap` does when compiling."""
    old = [(fn, fn.fn, fn.kind, fn.name) for fn in swap]
    try:
        for fn, new in swap.items():
            fn.fn, fn.kind, fn.name = new.fn, new.kind, new.name
        yield
    finally:
        for fn, body, kind, name in old:
            fn.fn, fn.kind, fn.name = body, kind, name

# SPDX-License-Identifier: GPL-2.0-only
"""Plain execution: the functions that models call, when Python itself runs the model.

The front end gives these functions their meaning in a transition system; here they do the same
to concrete objects.  One thread runs at a time.  An `Observer` watches each step and may switch
threads there: that is how traces are replayed on objects.  Where nobody watches (`Alone`), a step
is a call and an access to a field is an access.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

V = TypeVar("V")


class WouldBlock(Exception):
    """A step has to wait."""


class CheckFailed(AssertionError):
    """A `check` did not hold."""


class Unmodelled(Exception):
    """Execution reached what the model leaves out."""


class Observer:
    """What plain execution reports to; this one lets a single thread run on."""

    watches = True
    """Whether it is told of steps and accesses at all."""

    def current(self) -> Any:
        """The Thread object on whose behalf code runs."""
        raise RuntimeError("no thread is running: install an observer with `observed`")

    def before_step(self, name: str) -> None:
        """A step, or a bare access to a field, is about to be carried out."""

    def after_step(self, name: str) -> None:
        """It has been carried out."""

    def reads(self, obj: Any, field: str, key: Any) -> None:
        """A field of an object is read, or the element of one that `key` names; inside steps
        too."""

    def blocked(self, name: str) -> None:
        """The step had to wait and changed nothing; it is tried again on return."""
        raise WouldBlock(f"{name} has to wait and no other thread runs")

    def choose(self, options: Sequence[Any]) -> Any:
        """Which of the options a `choose` takes."""
        return options[0]

    def called(self, fn: Any) -> Any:
        """The function that runs where `fn` is called."""
        return fn


class Alone(Observer):
    """One thread runs its calls to their ends, and nobody watches."""

    watches = False

    def __init__(self, thread: Any = None) -> None:
        self.thread = thread

    def current(self) -> Any:
        if self.thread is None:
            return super().current()
        return self.thread


_observer: Observer = Alone()
_inside = threading.local()
watched = False
"""Whether the observer at hand watches: then steps and accesses go through it."""


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Report to `observer` for the time being."""
    global _observer, watched
    outer, _observer, watched = _observer, observer, observer.watches
    try:
        yield
    finally:
        _observer, watched = outer, outer.watches


def observer() -> Observer:
    """The observer at hand."""
    return _observer


def run_step(name: str, body: Callable[..., V], args: Any, kwargs: Any) -> V:
    """Carry out a step as one: the accesses inside are no steps of their own."""
    if not watched or getattr(_inside, "step", False):
        return body(*args, **kwargs)
    while True:
        _observer.before_step(name)
        _inside.step = True
        try:
            result = body(*args, **kwargs)
        except WouldBlock:
            _inside.step = False
            _observer.blocked(name)
            continue
        finally:
            _inside.step = False
        _observer.after_step(name)
        return result


def touch(obj: Any, name: str, *, write: bool) -> None:
    """A bare read or write of a field, outside of any step, is a step of its own."""
    if watched and not getattr(_inside, "step", False):
        _observer.before_step(f"{obj}.{name}{' =' if write else ''}")


def touched(obj: Any, name: str, *, write: bool) -> None:
    """The bare access is done."""
    if watched and not getattr(_inside, "step", False):
        _observer.after_step(f"{obj}.{name}{' =' if write else ''}")


def current() -> Any:
    """The thread that runs (`current` of the kernel)."""
    return _observer.current()


def wait_until(cond: bool) -> None:
    """The step is not carried out before `cond` holds."""
    if not cond:
        raise WouldBlock("the step has to wait")


def choose(options: Sequence[V]) -> V:
    """Any one of the options, freely."""
    picked: V = _observer.choose(options)
    return picked


def check(cond: bool, invariant: str) -> None:
    """`cond` must hold here; `invariant` names the sentence that it belongs to."""
    if not cond:
        raise CheckFailed(invariant)


def unmodelled(why: str) -> None:
    """What follows is left out of the model; a verdict that depends on it is unknown."""
    raise Unmodelled(why)

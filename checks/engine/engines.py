# SPDX-License-Identifier: GPL-2.0-only
"""Which explorer searches a system.

Both find the same.  The compiled one is several times faster, and takes a tenth of the memory, once
it is compiled, which takes longer than the search of a small system: `AUTO` begins with the
reference explorer and leaves a system that turns out to be large to the compiled one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from math import factorial, prod

from model.lang.errors import ModelError
from model.lang.ir import State

from .codegen.text import TooWideError
from .compiled import Program
from .compiler import NoCompilerError
from .reference import Explorer
from .search import Limits, Progress, Search

LARGE = 200_000
"""States after which `AUTO` compiles: about a second of the reference explorer.  With orbits it is
fewer, as each of them takes the longer the more orders there are."""


class Engine(StrEnum):
    """What a user may ask for; `SYMBOLIC` is no explorer, and is in `checks.symbolic.bounded`."""

    AUTO = "auto"
    REFERENCE = "reference"
    COMPILED = "compiled"
    SYMBOLIC = "symbolic"


def search(
    make: Callable[[], Explorer], initial: State, limits: Limits, engine: Engine,
    progress: Progress | None = None,
) -> tuple[Explorer, Search]:  # fmt: skip
    """Search a system; `make` gives a new explorer of it, and the one that was used is returned.

    ModelError if the compiled explorer is asked for and cannot be had.
    """
    assert engine is not Engine.SYMBOLIC
    explorer = make()
    if engine is Engine.COMPILED:
        try:
            return explorer, Program([explorer], [initial]).run(0, limits, progress)
        except (NoCompilerError, TooWideError) as error:
            raise ModelError(
                f"--engine compiled: {error}", instead="leave it out, or set CC"
            ) from error
    large = LARGE // prod(factorial(size) for size in explorer.classes.values()) ** 2
    if engine is Engine.REFERENCE or limits.states <= large:
        return explorer, explorer.run(initial, limits, progress)
    small = replace(limits, states=large)
    found = explorer.run(initial, small, progress)
    if found.why != small.too_many_states():
        return explorer, found
    explorer = make()
    try:
        return explorer, Program([explorer], [initial]).run(0, limits, progress)
    except (NoCompilerError, TooWideError):
        return explorer, explorer.run(initial, limits, progress)

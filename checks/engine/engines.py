# SPDX-License-Identifier: GPL-2.0-only
"""Which explorer searches a system.

All find the same.  The native one is several times faster, and takes a tenth of the memory; `AUTO`
takes it where it was built, and the reference explorer elsewhere.
"""

from __future__ import annotations

from enum import StrEnum

from model.lang.errors import ModelError
from model.lang.ir import State

from .codegen.text import TooWideError
from .native import extension
from .native.explorer import Native
from .reference import Explorer
from .search import Limits, Progress, Search


class Engine(StrEnum):
    """What a user may ask for; `SYMBOLIC` is no explorer, and is in `checks.symbolic.bounded`."""

    AUTO = "auto"
    REFERENCE = "reference"
    NATIVE = "native"
    SYMBOLIC = "symbolic"


def search(
    explorer: Explorer,
    initial: State,
    limits: Limits,
    engine: Engine,
    progress: Progress | None = None,
) -> Search:
    """Search a system, of which `explorer` has searched nothing yet.

    ModelError if the native explorer is asked for and cannot be had.
    """
    assert engine is not Engine.SYMBOLIC
    if engine is Engine.REFERENCE or (engine is Engine.AUTO and not extension.present()):
        return explorer.run(initial, limits, progress)
    try:
        return Native(explorer, initial).run(limits, progress)
    except (extension.NotBuiltError, TooWideError) as error:
        if engine is Engine.NATIVE:
            raise ModelError(f"--engine native: {error}", instead="leave it out") from error
    return explorer.run(initial, limits, progress)

# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine on random programs, many of them in one C file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import pytest

from checks.engine.compiled import Program as Compiled

from .compare import PASSES, UNREDUCED, Outcome, expected, explorer_of, judge
from .statements import Program
from .write import system_of

AT_ONCE = 40
"""Programs in one file."""

PASS_SETS = (UNREDUCED, "all")


def compare_compiled(
    programs: Sequence[Program], passes: Iterable[str] = PASS_SETS
) -> list[Outcome]:
    """Compare the compiled engine with the oracle on each program."""
    outcomes = []
    waiting = []
    for number, program in enumerate(programs):
        system, initial = system_of(program)
        found = expected(system, initial)
        outcomes.append(
            Outcome(None) if found is None else Outcome(found.states, (), found.violated)
        )
        if found is None:
            continue
        for name in passes:
            try:
                explorer = explorer_of(system, initial, PASSES[name])
                explorer.start(initial)
            except AssertionError as error:
                outcomes[number] = outcomes[number].differing(name, [f"AssertionError: {error}"])
            else:
                waiting.append((number, name, found, system, explorer, initial))
    with _apart():
        built = Compiled([w[4] for w in waiting], [w[5] for w in waiting])
    for at, (number, name, found, system, explorer, _) in enumerate(waiting):
        search = built.run(at)
        outcomes[number] = judge(outcomes[number], name, found, system, search, explorer.system)
    return outcomes


@contextmanager
def _apart() -> Iterator[None]:
    """Compile without optimising, since each program runs once, and keep nothing."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CFLAGS", "-O0")
        patch.setenv("XDG_CACHE_HOME", directory)
        yield

# SPDX-License-Identifier: GPL-2.0-only
"""`mover` has the states and the steps that SPIN finds in the text that was written for it by hand.

SPIN gave these numbers for tests/bench/mover.pml.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.engine.engines import Engine, search
from checks.engine.native import extension
from checks.engine.search import Limits, Search
from checks.examples.example import built, explorer_of
from model.examples.mover import MOVER

from ...bench.mover import mover_pml
from ...command import run
from .spinning import needs_spin, spun

SIZES = [(1, 4_609, 15_406), (2, 88_441, 316_207)]
MORE = [(3, 953_240, 3_518_125)]

BROKEN = "no_translation_to_a_free_page"

needs_native = pytest.mark.skipif(not extension.present(), reason="it was not built")


def searched(pages: int, engine: Engine, variant: str = "") -> Search:
    """The states of a size of `mover`."""
    system, initial = built(MOVER, {"pages": pages}, variant)
    return search(explorer_of(system), initial, Limits(), engine)


@pytest.mark.parametrize("size", SIZES)
def test_counts(size: tuple[int, int, int]) -> None:
    found = searched(size[0], Engine.REFERENCE)
    assert (found.states, found.transitions) == size[1:]
    assert found.violations == {}


@needs_native
@pytest.mark.parametrize("size", SIZES + MORE)
def test_counts_native(size: tuple[int, int, int]) -> None:
    found = searched(size[0], Engine.NATIVE)
    assert (found.states, found.transitions) == size[1:]
    assert found.violations == {}


@needs_native
def test_the_broken_variant() -> None:
    """The same violation, at the same depth, from both explorers; and nothing else is broken."""
    both = [searched(2, engine, "no_flush") for engine in (Engine.REFERENCE, Engine.NATIVE)]
    assert [set(found.violations) for found in both] == [{BROKEN}, {BROKEN}]
    paths = [found.path(found.violations[BROKEN].state) for found in both]
    assert paths[0] == paths[1]
    assert len(paths[0]) == 25


@needs_spin
@pytest.mark.parametrize("flushes", [True, False])
@pytest.mark.parametrize("pages", [1, 2])
def test_spin_finds_the_same(pages: int, flushes: bool, tmp_path: Path) -> None:
    found = searched(pages, Engine.AUTO, "" if flushes else "no_flush")
    theirs = spun(mover_pml(pages, flushes=flushes), tmp_path)
    assert (theirs.states, theirs.transitions) == (found.states, found.transitions)
    assert theirs.wrong == bool(found.violations) == (not flushes)


def test_the_command() -> None:
    held = run("example:mover", "--param", "pages=1")
    assert held.exit_code == 0
    assert held.stdout.count("HOLDS") == len(MOVER.invariants)
    assert run("prove", "example:mover").exit_code == 2
    assert run("example:mover", "--variant", "x").exit_code == 2
    assert run("export", "example:mover").stdout.startswith("/* mover: 0 threads")

# SPDX-License-Identifier: GPL-2.0-only
"""Contradictions of the tool are said, and cost no other answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from checks.engine import engines
from checks.memory_order import ordering
from checks.play.play import Play
from checks.stage.stage import Role, Stage
from checks.trace.expand import UnfaithfulError
from checks.trace.schedule import read_schedule
from checks.trace.trace import carried_out, find_trace
from invariants import REGISTRY
from model.hw.objects import Addr, Table
from model.kernel import gup
from model.kernel.objects import Vma
from model.kernel.pgtable import pmdp_get_lockless
from model.kernel.rmap import pmd_of
from model.lang import kernel, pure
from tests.families import MOVE

from ...command import Ran, run

NULL = REGISTRY["no_null_pointer_is_followed"]
SCENE = "move+folio_referenced/1p/ptl=different/init=all_at_src"
BROKEN = ("uffd_move_batching", "--variant", "folio_lock_only_old_walk", "--arch", "x86_64",
          "--scenario", SCENE, "--no-cache", "--jobs", "1")  # fmt: skip


def failing(*_: Any, **__: Any) -> Any:
    raise IndexError("nothing is there")


@pure
def ignore(table: Table, addr: Addr, write: bool) -> bool:
    return table is not None and addr > 0 and write


@kernel("mm/gup.c:gup_fast_pte_range", "7.3.4")
def gup_fast_that_takes_no_table_for_one(vma: Vma, addr: Addr, write: bool) -> None:
    table: Table = pmdp_get_lockless(pmd_of(vma))  # type: ignore[assignment]  # the point of it
    ignore(table, addr, write)


def test_a_check_after_the_last_step_of_a_thread_replays() -> None:
    """A value that a local may not have fails where it is kept, which is no step by itself."""
    careless = replace(
        MOVE.variant("merged"),
        swap={gup.gup_fast_pte_range: gup_fast_that_takes_no_table_for_one},
    )
    name = "move+gup_fast+pt_reclaim_src/1p/ptl=different/init=all_at_src"
    cast = MOVE.casts.named(name, "6.18")
    assert cast is not None
    play = Play(cast, Role(careless, source=MOVE.name), "x86_64")
    trace = find_trace(play, NULL)
    assert trace is not None
    assert trace.rows[-1].text == "table = -"
    again = carried_out(play, NULL, read_schedule(trace.schedule).ticks, 0)
    assert again is not None
    assert again.rows == trace.rows


def said_of(ran: Ran) -> str:
    """The line that a run prints of a contradiction; its answer is whole all the same."""
    assert ran.exit_code == 2
    assert "no_use_of_a_free_folio" in ran.stdout
    assert "absent" in ran.stdout
    (line,) = ran.stderr.splitlines()
    assert "the tool contradicts itself" in line
    return line


def test_a_trace_that_does_not_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    def unfaithful(*_: Any) -> Any:
        raise UnfaithfulError("a trace does not replay")

    assert run(*BROKEN).exit_code == 1
    monkeypatch.setattr("checks.trace.trace.expand", unfaithful)
    ran = run(*BROKEN)
    assert f"{SCENE}@x86_64: the tool contradicts itself: a trace does not replay" in said_of(ran)
    assert f"UNKNOWN: {SCENE}" in ran.stdout
    assert "VIOLATED" not in ran.stdout
    told = json.loads(run(*BROKEN, "--format", "json").stdout)
    assert told["exit"] == told["patches"][0]["exit"] == 2
    assert len(told["patches"][0]["contradictions"]) == 1


@pytest.mark.parametrize(("of", "name"), [(engines, "search"), (Stage, "prepare")])
def test_a_search_that_fails(of: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of, name, failing)
    ran = run(*BROKEN)
    assert "IndexError: nothing is there (test_contradictions.py:" in said_of(ran)
    assert "VIOLATED" not in ran.stdout


def test_memory_that_is_not_there_is_no_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(engines, "search", full)
    ran = run(*BROKEN)
    assert (ran.exit_code, ran.stderr) == (3, "")
    assert "out of memory" in ran.stdout


def test_an_order_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering.Reader, "cell", failing)
    ran = run(*BROKEN)
    assert "sequential_consistency_is_enough, variant, x86_64" in said_of(ran)
    assert "VIOLATED" in ran.stdout

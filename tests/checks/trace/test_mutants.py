# SPDX-License-Identifier: GPL-2.0-only
"""Each mutant that the flush, the locks and the checks of MOVE are shown with has a readable trace,
which names what went wrong and can be carried out again."""

from __future__ import annotations

import pytest

from checks.answer.replay import replay
from checks.engine.native import extension
from checks.render.page import width
from checks.render.trace import LINES, trace_lines
from checks.trace.trace import find_trace
from invariants import REGISTRY
from tests.families import MOVE
from tests.model.test_traces import MUTANTS, play_of_mutant, shortest

NAMED = {
    "no flush": "spin_unlock(src.ptl)",
    "flush one page short": "spin_unlock(src.ptl)",
    "flush after the PTLs": "flush_tlb_range(src+0, end of src)  <- not reached yet",
    "pin check before the PTE is cleared": "set_pte_at(dst+0",
    "no re-check after the locks": "PTE dst+0 F1 w dirty soft-dirty =>",
    "PTLs in argument order": "spin_lock_nested(dst.ptl)  <- waits",
    "sleeping folio lock under the PTL": "folio_lock(F0)",
    "folio lock left held": "return_to_caller(1)",
    "no folio trylock for the next page": "move_present_ptes()",
    "index not updated": "folio_unlock(F0)",
    "entry not looked at before use": "folio_maybe_dma_pinned(-)",
}
"""What must be on the trace: where it fails, or the step that comes too late."""


@pytest.mark.parametrize("name", NAMED)
def test_trace_of_a_mutant(name: str) -> None:
    trace = shortest((MOVE.name, name))
    lines = trace_lines(trace)
    assert any(NAMED[name] in line for line in lines), "\n".join(lines)
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= width()
    assert all(r.site is not None or r.thread < 0 for r in trace.rows)
    again = {t.invariant.name: t for t in replay(trace.schedule)}
    repeated = again[trace.invariant.name]
    assert repeated.rows == trace.rows
    assert ", shortest trace]" in lines[0]
    assert not any("shortest" in line for line in trace_lines(repeated))


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize("name", ["no flush", "PTLs in argument order", "index not updated"])
def test_where_the_shortest_is_too_far_a_trace_is_found_all_the_same(
    name: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A violation in a state, a deadlock, and one at a step."""
    if engine == "native" and not extension.present():
        pytest.skip("the native engine was not built")
    invariant, fewest = REGISTRY[MUTANTS[MOVE.name, name].breaks[0]], shortest((MOVE.name, name))
    monkeypatch.setattr("checks.trace.trace.MOST_STATES", 0)
    monkeypatch.setattr(extension, "present", lambda: engine == "native")
    trace = find_trace(play_of_mutant((MOVE.name, name)), invariant)
    assert trace is not None
    assert (trace.invariant, trace.fewest) == (invariant, False)
    assert trace.statements >= fewest.statements
    assert ", perhaps not the shortest trace]" in " ".join(" ".join(trace_lines(trace)).split())

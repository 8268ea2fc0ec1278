# SPDX-License-Identifier: GPL-2.0-only
"""One routine from several states, as plain Python and as IR in lockstep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from model.hw.arch import selected
from model.hw.archs import arch_named
from model.kernel.task import return_to_caller
from model.lang import compose
from model.lang.compose import Invocation
from model.lang.frontend.source import Context
from model.lang.ir import Kind, System
from tests.model.lockstep import Lockstep, play


def part_taken(
    ctx: Context, base: dict[Any, int], call: Invocation,
    states: Iterable[tuple[int, Callable[[], object]]],
) -> float:  # fmt: skip
    """The part of a routine's steps that it takes from some state, by seed and what sets it up in
    the world `base`.  Difference, if Python and the IR are not alike."""
    taken: set[int] = set()
    with selected(arch_named("x86_64")):
        threads = compose.threads(ctx, [call])
        for seed, set_up in states:
            ctx.world.restore(base)
            set_up()
            state = compose.initial_state(ctx)
            system = System(call.fn.name, ctx.world.variables(), threads, ())

            def body() -> Any:
                result = call.fn(*call.args)
                return_to_caller(result)
                return result

            both = Lockstep(ctx.world, system, state, [(call.thread, body)], {})
            run = play(both, Random(seed))
            assert run.it.ended(run.pos), f"{call.fn.name} from state {seed} does not end"
            taken |= {edge for _, edge in run.fired}
    ctx.world.restore(base)
    shown = [e for e in threads[0].edges if e.op.kind is not Kind.LET]
    return sum(e.number in taken for e in shown) / len(shown)

# SPDX-License-Identifier: GPL-2.0-only
"""One program on two machines, compared after every operation; and a shorter one that differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from model.reference.programs.observation import Comparison
from model.reference.programs.program import (
    BadProgramError,
    Machine,
    Operation,
    Program,
    Refused,
    check_program,
)

Pair = Callable[[Program], tuple[Machine, Machine]]
"""Two fresh machines for a program: the reference, and what it is compared with."""


@dataclass(frozen=True)
class Difference:
    """After the operation numbered `step`, from 0 on, the two are not alike."""

    program: Program
    step: int
    what: str

    @property
    def op(self) -> Operation:
        return self.program.ops[self.step]


@dataclass(frozen=True)
class Compared:
    """What came of one program: how many operations were carried out and compared, which were
    left out because the reference refuses them, and how the two differ if they do."""

    steps: int
    refused: tuple[str, ...]
    difference: Difference | None


def compare(program: Program, pair: Pair, check: Callable[[Any], str] | None = None) -> Compared:
    """Run a program on both, until they differ.

    `check` looks at the reference after every step, and says what is wrong in it.
    """
    reference, other = pair(program)
    comparison = Comparison(reference.can & other.can)
    steps, refused = 0, []
    try:
        for number, op in enumerate(program.ops):
            try:
                expected = reference.run(op)
            except Refused as why:
                refused.append(f"{op.name}: {why}")
                continue
            except Exception as error:
                what = f"the reference fails: {error!r}"
            else:
                seen = other.run(op)
                steps += 1
                what = f"'{expected}' expected, '{seen}' seen" if expected != seen else ""
                what = what or comparison.difference(
                    reference.observe(), other.observe(), frees=op.call.frees_first
                )
            if not what and check is not None:
                what = check(reference)
            if what:
                return Compared(steps, tuple(refused), Difference(program, number, what))
    finally:
        reference.close()
        other.close()
    return Compared(steps, tuple(refused), None)


def shrink(found: Difference, pair: Pair, tries: int = 400) -> Difference:
    """A shorter program that differs at an operation of the same name.

    Delta debugging: operations are left out in ever smaller pieces, then ranges are shortened and
    flags dropped.  The program is deterministic in both machines, or it would not come here.
    """
    best, left = found, tries

    def still(ops: Sequence[Operation]) -> bool:
        nonlocal best, left
        program = Program(tuple(renumbered(ops)), found.program.arena)
        if left <= 0 or program.ops == best.program.ops or not _is_program(program):
            return False
        left -= 1
        again = compare(program, pair).difference
        if again is None or again.op.name != found.op.name:
            return False
        best = _ending_there(again)
        return True

    best = _ending_there(found)
    size = max(len(best.program.ops) // 2, 1)
    while True:
        size = min(size, len(best.program.ops))
        if not _fewer(lambda: best.program.ops, still, size) and size == 1:
            break
        size = max(size // 2, 1)
    while any(still(ops) for ops in _simpler(best.program.ops)):
        pass
    return best


def _ending_there(found: Difference) -> Difference:
    """The same without what comes after the operation that differs."""
    program = Program(found.program.ops[: found.step + 1], found.program.arena)
    return Difference(program, found.step, found.what)


def _fewer(
    ops: Callable[[], Sequence[Operation]], still: Callable[[Sequence[Operation]], bool], size: int
) -> bool:
    """Leave out pieces of so many operations, from the end on; whether any could be."""
    any_left_out = False
    start = len(ops()) - size
    while start >= 0:
        now = ops()
        if still([*now[:start], *now[start + size :]]):
            any_left_out = True
        start = min(start, len(ops())) - size
    return any_left_out


def _simpler(ops: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    """Programs with one operation made a little simpler."""
    for number, op in enumerate(ops):
        for other in _simpler_ops(op):
            yield [*ops[:number], other, *ops[number + 1 :]]


def _simpler_ops(op: Operation) -> Iterator[Operation]:
    for flag in sorted(op.flags):
        yield replace(op, flags=op.flags - {flag})
    if op.length > 1:
        changes = {"length": op.length - 1}
        if op.new_length == op.length:
            changes["new_length"] = op.length - 1
        yield replace(op, **changes)  # type: ignore[arg-type]  # ints
    if op.token > 1:
        yield replace(op, token=1)
    if op.prot == "none":
        yield replace(op, prot="r")


def _is_program(program: Program) -> bool:
    try:
        check_program(program)
    except BadProgramError:
        return False
    return True


def renumbered(ops: Iterable[Operation]) -> Iterator[Operation]:
    """Children numbered as they come, without operations of processes that are not forked or
    have ended."""
    numbers, used = {0: 0}, 1
    for op in ops:
        if op.proc not in numbers:
            continue
        op_there = replace(op, proc=numbers[op.proc])
        if op.name == "fork":
            numbers[op.target] = used
            op_there = replace(op_there, target=used)
            used += 1
        elif op.name == "exit":
            del numbers[op.proc]
        yield op_there

# SPDX-License-Identifier: GPL-2.0-only
"""Both explorers compute each operation as it was worked out by hand for the oracle."""

from __future__ import annotations

import pytest

from checks.engine.codegen.bytecode import Bytecode, Instruction
from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.codegen.text import TooWideError
from checks.engine.native import extension
from checks.engine.native.explorer import Native
from checks.engine.reference import Explorer
from model.lang import expr as ex
from model.lang.expr import Expr, Local
from model.lang.ir import Check, Edge, Kind, Op, State, System, Thread, Update, Variable
from model.lang.sorts import Int, Set

from ....oracle.test_evaluator import KNOWN, ROW, THING, VALUES

needs_native = pytest.mark.skipif(not extension.present(), reason="it was not built")

LOCALS = tuple({leaf for e, _ in KNOWN for leaf in ex.leaves(e) if isinstance(leaf, Local)})
NUMBER = Int(0, 9)


def judged(*conds: Expr) -> tuple[Explorer, State]:
    """A thread that gives the locals their values, then checks conditions, `c0`, `c1`, ..."""
    values = tuple(Update(v, ex.const(VALUES[v.name], v.sort)) for v in LOCALS)
    checks = tuple(Check(f"c{n}", cond) for n, cond in enumerate(conds))
    edges = (
        Edge(0, 1, Op(Kind.STORE, updates=values)),
        Edge(1, 2, Op(Kind.STORE, checks=checks)),
        # the same again, of what is there once as a routine
        Edge(2, 3, Op(Kind.STORE, guard=conds[0], checks=checks)),
        Edge(2, 3, Op(Kind.STORE, guard=ex.not_(conds[0]))),
    )
    thread = Thread("cpu0", "f", LOCALS, edges, 0, 3, 4)
    variables = (Variable("Row.n", (THING,), NUMBER),)
    system = System("judged", variables, (thread,))
    layout = Layout(variables, frozenset({"Row.n"}), 1)
    row: State = {
        ex.cell("Row.n", (ex.const(at, THING),), NUMBER): held for (at,), held in ROW.items()
    }
    return Explorer(system, CodeCache(layout)), row


@needs_native
@pytest.mark.parametrize(("e", "expected"), KNOWN, ids=[ex.show(e) for e, _ in KNOWN])
def test_values(e: Expr, expected: int) -> None:
    """As a value, in a comparison and in a branch; and it is no other value."""
    same = ex.exactly("eq", (e, ex.const(expected, e.sort)), ex.FALSE.sort, ())
    explorer, initial = judged(same, ex.not_(same))
    for found in (Native(explorer, initial).run(), explorer.run(initial)):
        assert set(found.violations) == {"c1"}
        assert (found.states, found.fired) == (4, (b"\1\1\1\0",))


def test_a_constant_that_no_word_holds_is_refused() -> None:
    wide = Set(Int(0, 69))
    place = ex.cell("wide", (), wide)
    layout = Layout((Variable("wide", (), wide),), frozenset())
    with pytest.raises(TooWideError, match="128 bits"):
        Bytecode(layout).condition(ex.not_(ex.eq(place, ex.const(1 << 66, wide))))
    with pytest.raises(TooWideError, match="more than 63 bits"):
        Bytecode(layout).condition(ex.exactly("eq", (ex.number(0), ex.number(1 << 63)), wide, ()))


def test_the_instructions_are_those_of_the_interpreter() -> None:
    """Of the same names, in the same order."""
    text = (extension.SOURCES / "bytecode.h").read_text()
    listed = text[text.index("enum {") + len("enum {") : text.index("};")]
    assert [name.strip() for name in listed.split(",") if name.strip()] == list(
        Instruction.__members__
    )

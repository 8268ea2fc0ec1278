# SPDX-License-Identifier: GPL-2.0-only
"""The text form: what is written is read back as it was; what cannot be read is said where."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from checks.stage.stage import Role, Setting, Stage
from model.examples import shoot
from model.lang import compose
from model.lang.errors import ModelError
from model.lang.frontend.source import Context
from model.lang.ir import Edge, System
from model.lang.textform.text import read, write
from tests.families import MOVE

from .strategies import systems


def same(one: System, two: System) -> bool:
    """Equal, parts of edges included."""
    mine, yours = ([_parts(t.edges) for t in s.threads] for s in (one, two))
    return one == two and mine == yours


def _parts(edges: tuple[Edge, ...]) -> list[object]:
    return [(replace(e, parts=()), _parts(e.parts)) for e in edges]


def example() -> System:
    return compose.system(Context(shoot.world()), "shoot", [], shoot.RULES)


def test_shoot() -> None:
    system = example()
    assert same(read(write(system)), system)


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize("neighbour", MOVE.casts.neighbours[1::5], ids=lambda n: n.name)
def test_raw_threads(arch: str, neighbour: object) -> None:
    (beside,) = [n for n in MOVE.casts.neighbours if n is neighbour]
    cast = MOVE.casts.cast((beside,))
    stage = Stage(Setting.of(cast), arch, [])
    system = stage.raw_system(cast, Role(MOVE.variant("merged")))
    text = write(system)
    assert same(read(text), system)
    assert write(read(text)) == text


def test_a_reduced_system_with_its_parts() -> None:
    cast = MOVE.casts.cast(pages=1)
    stage = Stage(Setting.of(cast), "x86_64", [])
    system = stage.reduced(cast, Role(MOVE.variant("per_page")))
    assert any(e.parts for t in system.threads for e in t.edges)
    assert same(read(write(system)), system)


@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(systems())
def test_any_system(system: System) -> None:
    text = write(system)
    assert same(read(text), system)
    assert write(read(text)) == text


def test_an_edge_is_one_line() -> None:
    cast = MOVE.casts.cast(pages=1)
    stage = Stage(Setting.of(cast), "x86_64", [])
    system = stage.raw_system(cast, Role(MOVE.variant("merged")))
    lines = write(system).splitlines()
    assert sum(line.startswith("  edge ") for line in lines) == len(system.threads[0].edges)
    assert not any("(parts" in line for line in lines)


def test_how_it_looks() -> None:
    lines = write(example()).splitlines()
    assert lines[:2] == ["system shoot", "sort Lock ref Lock ptl"]
    assert 'var Lock.owner (Lock) Cpu? memory "who holds it"' in lines
    assert (
        'rule "zap_start machine cpu0 p0" rmw (if (and (eq Cpu.pc[cpu0] IDLE) '
        "(eq Lock.owner[ptl] None))) (set Lock.owner[ptl] cpu0:Cpu) (set Cpu.pc[cpu0] ZAP) "
        "(set Cpu.page[cpu0] p0:Page) (site 2)"
    ) in lines


def test_comments_and_blank_lines_mean_nothing() -> None:
    text = write(example())
    assert read("; a comment\n\n" + text.replace("\nvar", "\n\n   ; more\nvar")) == example()


HEAD = """system s
sort C ref C a b
var C.n (C) 0..3 memory
var C.on (C) bool lock
"""

REFUSED = [
    ("", 1, "a text begins with 'system' and its name"),
    ("var C.n (C) 0..3 memory", 1, "a text begins with 'system' and its name"),
    (HEAD + "sort C enum C x", 5, "the sort 'C' is declared twice"),
    (HEAD + "sort D heap D x", 5, "'heap' is no kind of sort"),
    (HEAD + "sort D", 5, "a sort needs a name and a kind"),
    (HEAD + "sort D rec D (x)", 5, "a field is a name and a sort"),
    (HEAD + "sort D int x 3", 5, "'x' is not a number"),
    (HEAD + "var C.m (B) bool memory", 5, "the sort 'B' is not declared"),
    (HEAD + "var C.m (C) bool", 5, "a variable is a name, dimensions, a sort and a storage"),
    (HEAD + "var C.m (C) bool ram", 5, "'ram' is no storage"),
    (HEAD + "variable C.m (C)", 5, "'variable' may not stand here; known: check"),
    (HEAD + "check ok (eq C.m[a] 1)", 5, "the variable 'C.m' is not declared; did you mean C.n"),
    (HEAD + "check ok (eq C.n[c] 1)", 5, "'c' is not of its sort"),
    (HEAD + "check ok (eq c 1)", 5, "the sort of 'c' is not known; write c:SORT"),
    (HEAD + "check ok (not C.on[a] true)", 5, "'not' does not take 2 arguments"),
    (HEAD + "check ok (xor C.on[a] true)", 5, "'xor' is no operation"),
    (HEAD + "check ok ()", 5, "an operation begins with its name"),
    (HEAD + "check ok (get)", 5, "'get' of nothing"),
    (HEAD + "check ok (get n C.n[a])", 5, "the sort of this 'get' is not known"),
    (HEAD + "check ok (table 0..1 (1))", 5, "a table is values, ranges and an index"),
    (HEAD + "check ok (not C.on[a]", 5, "')' is missing"),
    (HEAD + "check ok C.on[a])", 5, "')' closes nothing"),
    (HEAD + 'check "ok (not C.on[a])', 5, "cannot be read"),
    (HEAD + "check ok", 5, "'check' takes an invariant and a condition"),
    (HEAD + "rule r", 5, "a rule is a name and an operation"),
    (HEAD + "rule r add", 5, "'add' is no kind"),
    (HEAD + "rule r rmw if", 5, "'(' was expected, not 'if'"),
    (HEAD + "rule r rmw ()", 5, "'()' says nothing"),
    (HEAD + "rule r rmw (if true true)", 5, "one thing was expected here, not 2"),
    (HEAD + "rule r rmw (set C.n[a])", 5, "'set' takes a place and a value"),
    (HEAD + "rule r rmw (set 3 4)", 5, "only a cell or a local can be set"),
    (HEAD + "rule r rmw (check x)", 5, "'check' takes an invariant and a condition"),
    (HEAD + "rule r rmw (check x true ready)", 5, "only 'steady' may stand here"),
    (HEAD + "rule r rmw (access C.n[a])", 5, "'access' takes a place and two orders"),
    (HEAD + "rule r rmw (access 3 plain plain)", 5, "an access is to a cell"),
    (HEAD + "rule r rmw (site 3)", 5, "site 3 is not declared"),
    (HEAD + "rule r rmw (choice x)", 5, "a rule has no 'choice'"),
    (HEAD + "rule r rmw (set %x 1)", 5, "the local 'x' is not declared"),
    (HEAD + "site 0 f 1 2", 5, "a site is a number, a file, a line, a column and a function"),
    (HEAD + "site 0 f 1 2 g (inner 3)", 5, "a site has no 'inner'"),
    (HEAD + "site 0 f 1 2 g (call h (arg x))", 5, "a call has '(arg NAME VALUE)'"),
    (HEAD + "site 0 f 1 2 g (call h (traits pet))", 5, "no trait 'pet'; did you mean put or pte?"),
    (HEAD + "thread T f 0 1", 5, "a thread is a name, a routine, entry, end and locations"),
    (HEAD + "thread T f 0 1 2\n  local x", 6, "a local is a name and a sort"),
    (HEAD + "thread T f 0 1 2\n  edge 0 1", 6, "an edge is a source, a target and an operation"),
    (HEAD + "thread T f 0 1 2\n  edge 0 2 let", 6, "the thread has locations 0..1"),
    (HEAD + "thread T f 0 1 2\n  edge 0 1 let (colour 3)", 6, "an edge has no 'colour'"),
    (HEAD + "thread T f 0 1 2\n  edge 0 1 let (parts 1)", 6, "not all parts of this edge follow"),
    (HEAD + "(check)", 5, "a word was expected, not '('"),
]


@pytest.mark.parametrize(("text", "line", "what"), REFUSED, ids=[what for _, _, what in REFUSED])
def test_refusals(text: str, line: int, what: str) -> None:
    with pytest.raises(ModelError) as error:
        read(text, "x.txt")
    assert error.value.where == f"x.txt:{line}"
    assert what in str(error.value)

# SPDX-License-Identifier: GPL-2.0-only
"""Random expressions and systems, each expression with its meaning said a second time.

A `Sample` is an expression as the building functions make it, simplified, and a function that
gives its value in the plainest way from the same parts.  What is built and what is meant are made
side by side, so that a simplification that is wrong shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import (
    Access,
    Call,
    Check,
    Edge,
    Kind,
    Op,
    Rule,
    Site,
    StateCheck,
    Storage,
    System,
    Thread,
    Update,
    Variable,
)  # fmt: skip
from model.lang.sorts import BOOL, Enum, Int, Rec, Ref, Set, Sort
from model.lang.traits import Trait

Env = Mapping[Expr, int]
"""The values of locals and of cells with constant index."""

SMALL, INDEX = Int(-2, 3), Int(0, 3)
COLOUR = Enum("Colour", ("RED", "GREEN", "true"))
THING = Ref("Thing", ("a", "b'", "two words"))
MAYBE = Ref("Thing", THING.objects, nullable=True)
PAIR = Rec("Pair", (("flag", BOOL), ("n", Int(-1, 2)), ("who", MAYBE)))
THINGS, COLOURS = Set(THING), Set(COLOUR)
SORTS: tuple[Sort, ...] = (BOOL, SMALL, COLOUR, MAYBE, PAIR, THINGS, COLOURS)

LOCALS = (*(ex.local(f"f.v{n}", s) for n, s in enumerate(SORTS)), ex.local("f.@1.2", INDEX),
          ex.local("odd name", THING))  # fmt: skip
ROWS = {s: f"Row.{n}" for n, s in enumerate(SORTS)}
"""For each sort a variable indexed by things and numbers."""

VARIABLES = (
    *(Variable(f"one{n}", (), s, Storage.MEMORY) for n, s in enumerate(SORTS)),
    *(Variable(name, (THING, INDEX), s, Storage.HARDWARE, "a row") for s, name in ROWS.items()),
)


def element(sort: Sort, thing: Expr, number: Expr) -> Cell:
    return ex.cell(ROWS[sort], (thing, number), sort)


CELLS = tuple(
    [ex.cell(v.name, (), v.sort) for v in VARIABLES if not v.dims]
    + [
        element(sort, ex.const(thing, THING), ex.number(number))
        for sort in SORTS for thing in THING.codes() for number in range(4)
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    expr: Expr
    value: Callable[[Env], int]


def values_of(sort: Sort) -> st.SearchStrategy[int]:
    """Values that expressions of a sort may have."""
    if isinstance(sort, Set):
        bits = [1 << c for c in sort.elem.codes()]
        return st.sets(st.sampled_from(bits)).map(sum)
    return st.sampled_from([c + sort.lowest for c in sort.codes()])


def environment(seed: int) -> dict[Expr, int]:
    """Values for all locals and cells: any, but the same for the same seed."""
    random = Random(seed)
    found: dict[Expr, int] = {}
    for place in (*LOCALS, *CELLS):
        sort = place.sort
        if isinstance(sort, Set):
            found[place] = sum(1 << c for c in sort.elem.codes() if random.random() < 0.5)
        else:
            found[place] = random.choice(sort.codes()) + sort.lowest
    return found


seeds = st.integers(0, 10_000)


def _constant(sort: Sort) -> st.SearchStrategy[Sample]:
    return values_of(sort).map(lambda v: Sample(ex.const(v, sort), lambda _: v))


def _numbers() -> st.SearchStrategy[Sample]:
    return st.integers(-3, 4).map(lambda v: Sample(ex.number(v), lambda _: v))


def _leaf(place: Expr) -> Sample:
    return Sample(place, lambda env: env[place])


def _leaves(sort: Sort) -> st.SearchStrategy[Sample]:
    own = [p for p in (*LOCALS, *CELLS[: len(SORTS)]) if p.sort == sort]
    if isinstance(sort, Int):
        own += [p for p in LOCALS if p.sort == INDEX]
    return st.sampled_from([_leaf(p) for p in own])


def _lift(fn: Callable[..., Expr], mean: Callable[..., int], *parts: Sample) -> Sample:
    return Sample(
        fn(*(p.expr for p in parts)), lambda env: int(mean(*(p.value(env) for p in parts)))
    )


@st.composite
def samples(draw: st.DrawFn, sort: Sort, depth: int = 3) -> Sample:
    """An expression whose values are of `sort`; for an Int, numbers of any range."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(_constant(sort), _leaves(sort)))
    forms: list[Any] = [_choice, _element]
    if sort == BOOL:
        forms += [_not, _junction, _junction, _equal, _equal, _less, _member, _field]
    elif isinstance(sort, Int):
        forms += [_sum, _sum, _narrowed, _field, _table]
    elif sort == COLOUR:
        forms += [_table]
    elif sort == MAYBE:
        forms += [_field, _table]
    elif sort == PAIR:
        forms += [_record, _put]
    elif isinstance(sort, Set):
        forms += [_single, _combined, _combined]
    made: Sample = draw(draw(st.sampled_from(forms))(sort, depth - 1))
    return made


@st.composite
def _choice(draw: st.DrawFn, sort: Sort, depth: int) -> Sample:
    parts = draw(samples(BOOL, depth)), draw(samples(sort, depth)), draw(samples(sort, depth))
    return _lift(ex.ite, lambda c, a, b: a if c else b, *parts)


def _within(sample: Sample, sort: Int) -> Sample:
    return _lift(
        lambda e: ex.narrow(e, sort), lambda v: v if sort.lo <= v <= sort.hi else sort.lo, sample
    )


@st.composite
def things(draw: st.DrawFn, depth: int) -> Sample:
    """One of the things, never None."""
    odd = _leaf(LOCALS[-1])
    simple = draw(st.one_of(_constant(THING), st.just(odd)))
    if depth and draw(st.booleans()):
        cond = draw(samples(BOOL, depth - 1))
        return _lift(ex.ite, lambda c, a, b: a if c else b, cond, simple, odd)
    return simple


@st.composite
def places(draw: st.DrawFn, sort: Sort, depth: int) -> tuple[Cell, Callable[[Env], Expr]]:
    """An element of a row, and which one it is."""
    thing = draw(things(depth))
    number = _within(draw(samples(SMALL, depth)), INDEX)
    place = element(sort, thing.expr, number.expr)

    def which(env: Env) -> Expr:
        return element(sort, ex.const(thing.value(env), THING), ex.number(number.value(env)))

    return place, which


@st.composite
def _element(draw: st.DrawFn, sort: Sort, depth: int) -> Sample:
    place, which = draw(places(sort if sort in ROWS else SMALL, depth))
    return Sample(place, lambda env: env[which(env)])


@st.composite
def _not(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    return _lift(ex.not_, lambda a: not a, draw(samples(BOOL, depth)))


@st.composite
def _junction(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    parts = draw(st.lists(samples(BOOL, depth), min_size=2, max_size=3))
    kind = draw(st.integers(0, 2))
    if kind == 2:
        return _lift(ex.implies, lambda a, b: not a or b, *parts[:2])
    if kind:
        return _lift(ex.or_, lambda *a: any(a), *parts)
    return _lift(ex.and_, lambda *a: all(a), *parts)


@st.composite
def _equal(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    sort = draw(st.sampled_from(SORTS))
    one, two = draw(samples(sort, depth)), draw(samples(sort, depth))
    return _lift(ex.eq, lambda a, b: a == b, one, two)


@st.composite
def _less(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    one, two = draw(samples(SMALL, depth)), draw(samples(SMALL, depth))
    return _lift(ex.lt, lambda a, b: a < b, one, two)


@st.composite
def _member(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    if draw(st.booleans()):
        group, elem = draw(samples(THINGS, depth)), draw(things(depth))
    else:
        group, elem = draw(samples(COLOURS, depth)), draw(samples(COLOUR, depth))
    if draw(st.integers(0, 3)) == 0:
        return _lift(ex.is_empty, lambda g: g == 0, group)
    return _lift(ex.has, lambda g, e: g >> e & 1, group, elem)


@st.composite
def _field(draw: st.DrawFn, sort: Sort, depth: int) -> Sample:
    name = "flag" if sort == BOOL else "who" if sort == MAYBE else "n"
    shift, inner = PAIR.field(name)
    mask, low = (1 << inner.bits) - 1, inner.lowest
    return _lift(
        lambda e: ex.get(e, name), lambda v: (v >> shift & mask) + low, draw(samples(PAIR, depth))
    )


@st.composite
def _sum(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    one, two = draw(samples(SMALL, depth)), draw(st.one_of(_numbers(), samples(SMALL, depth)))
    if draw(st.booleans()):
        return _lift(ex.add, lambda a, b: a + b, one, two)
    return _lift(ex.sub, lambda a, b: a - b, one, two)


@st.composite
def _narrowed(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    return _within(draw(samples(SMALL, depth)), draw(st.sampled_from((SMALL, INDEX))))


@st.composite
def _table(draw: st.DrawFn, sort: Sort, depth: int) -> Sample:
    held = draw(st.lists(values_of(sort), min_size=4, max_size=4))
    index = _within(draw(samples(SMALL, depth)), INDEX)
    if isinstance(index.expr.sort, Int) and (index.expr.sort.lo, index.expr.sort.hi) != (0, 3):
        ranges = ((0, 4),)
        return _lift(lambda e: ex.table(tuple(held), (e,), sort, ranges), held.__getitem__, index)
    return _lift(lambda e: ex.table(tuple(held), (e,), sort), held.__getitem__, index)


@st.composite
def _record(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    flag, who = draw(samples(BOOL, depth)), draw(samples(MAYBE, depth))
    n = _within(draw(samples(SMALL, depth)), Int(-1, 2))

    def mean(*parts: int) -> int:
        code = 0
        for (name, _), part in zip(PAIR.fields, parts, strict=True):
            shift, inner = PAIR.field(name)
            code |= part - inner.lowest << shift
        return code

    return _lift(lambda *parts: ex.record(PAIR, parts), mean, flag, n, who)


@st.composite
def _put(draw: st.DrawFn, _sort: Sort, depth: int) -> Sample:
    shift, inner = PAIR.field("who")
    clear = ~((1 << inner.bits) - 1 << shift)
    return _lift(
        lambda r, v: ex.put(r, "who", v), lambda r, v: r & clear | v << shift,
        draw(samples(PAIR, depth)), draw(samples(MAYBE, depth)),
    )  # fmt: skip


@st.composite
def _single(draw: st.DrawFn, sort: Set, depth: int) -> Sample:
    elem = draw(things(depth) if sort == THINGS else samples(sort.elem, depth))
    return _lift(lambda e: ex.single(e, sort), lambda v: 1 << v, elem)


@st.composite
def _combined(draw: st.DrawFn, sort: Sort, depth: int) -> Sample:
    one, two = draw(samples(sort, depth)), draw(samples(sort, depth))
    forms: list[tuple[Any, Any]] = [
        (ex.union, lambda a, b: a | b), (ex.inter, lambda a, b: a & b),
        (ex.diff, lambda a, b: a & ~b),
    ]  # fmt: skip
    fn, mean = draw(st.sampled_from(forms))
    return _lift(fn, mean, one, two)


# -- systems --------------------------------------------------------------------------------------


def fitting(sort: Sort, depth: int = 2) -> st.SearchStrategy[Expr]:
    """An expression that a place of a sort may be assigned."""
    if isinstance(sort, Int):
        return samples(SMALL, depth).map(lambda s: ex.narrow(s.expr, sort))
    if sort == THING:
        return things(depth).map(lambda s: s.expr)
    return samples(sort, depth).map(lambda s: s.expr)


@st.composite
def updates(draw: st.DrawFn, *, local: bool) -> tuple[Update, ...]:
    """Assignments to places of different names."""
    found: list[Update] = []
    targets = [*CELLS[: len(SORTS)], *SORTS, *(LOCALS if local else ())]
    for target in draw(st.lists(st.sampled_from(targets), max_size=3, unique=True)):
        place = draw(places(target, 1))[0] if isinstance(target, Sort) else target
        assert isinstance(place, Cell | Local)
        found.append(Update(place, draw(fitting(place.sort))))
    return tuple(found)


NAMES = st.sampled_from(["plain", "two words", "", 'a "quote"', "x:y", "12", "true", "%", "[1]"])


@st.composite
def operations(draw: st.DrawFn, *, local: bool = True) -> Op:
    kind = draw(st.sampled_from(list(Kind)))
    cond = samples(BOOL, 2).map(lambda s: s.expr)
    guard = draw(st.one_of(st.just(ex.TRUE), cond))
    checks = tuple(
        Check(draw(NAMES), draw(cond), draw(st.booleans())) for _ in range(draw(st.integers(0, 2)))
    )
    access = None
    if draw(st.booleans()):
        place = draw(places(draw(st.sampled_from(SORTS)), 0))[0]
        access = Access(place, draw(NAMES), "plain", draw(st.booleans()))
    return Op(kind, guard, draw(updates(local=local)), checks, access, draw(NAMES))


def _calls() -> st.SearchStrategy[Call]:
    args = st.lists(st.tuples(NAMES, samples(PAIR, 1).map(lambda s: s.expr)), max_size=2)
    return st.builds(Call, NAMES, args.map(tuple), st.frozensets(st.sampled_from(Trait)))


def _sites() -> st.SearchStrategy[Site]:
    number = st.integers(0, 9)
    inner = st.builds(Site, NAMES, number, number, NAMES, NAMES, st.booleans())
    return st.builds(
        Site, NAMES, number, number, NAMES, NAMES, st.booleans(), st.none() | _calls(),
        st.none() | inner,
    )  # fmt: skip


@st.composite
def _edges(draw: st.DrawFn, parts: int) -> Edge:
    at = st.integers(0, 2)
    merged = draw(st.lists(_edges(parts - 1), max_size=2)) if parts else []
    return Edge(
        draw(at), draw(at), draw(operations()), draw(st.none() | _sites()),
        draw(st.none() | _calls()), draw(NAMES), draw(st.integers(-1, 5)), tuple(merged),
    )  # fmt: skip


@st.composite
def threads(draw: st.DrawFn, parts: int = 1) -> Thread:
    edges = draw(st.lists(_edges(parts), max_size=3))
    return Thread(draw(NAMES), draw(NAMES), LOCALS, tuple(edges), 0, 2, 3)


@st.composite
def systems(draw: st.DrawFn) -> System:
    """Systems for their text: what they do may make no sense (rules read locals, say)."""
    rules = st.builds(Rule, NAMES, operations(local=False), st.booleans(), st.none() | _sites())
    conditions = samples(BOOL, 2).map(lambda s: s.expr)
    judges = st.lists(st.builds(StateCheck, NAMES, conditions), max_size=2)
    return System(
        draw(NAMES), VARIABLES, tuple(draw(st.lists(threads(), max_size=2))),
        tuple(draw(st.lists(rules, max_size=2))), tuple(draw(judges)), tuple(draw(judges)),
    )  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""The same run twice: decorated functions as plain Python, and the IR made from their text.

Python runs on concrete objects, each model thread in a greenlet of its own, which goes on where it
is told to; the IR is interpreted.  After each step both must have the same shared state,
wait for the same things, and be about to do the same.

The IR's edges that touch nothing shared (a let, a branch, a check) are taken as soon as they can
be: Python does not show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from checks.engine.interpret import Interpreter, Position
from model.lang import runtime
from model.lang.expr import Cell, Const, evaluate
from model.lang.frontend.body import NULL, RANGE, UNMODELLED
from model.lang.ir import Edge, Kind, Rule, State, System
from model.lang.objects import Array, Field, Kobject, World
from model.lang.sorts import Sort

Place = tuple[str, tuple[int, ...]]
"""A cell as `World.snapshot` names it."""

Pick = Callable[[list[str]], int]
"""Which of the options of a choice, by position."""

SILENT = frozenset({Kind.LET, Kind.ASSUME, Kind.ASSERT})


@dataclass
class Event:
    """What a Python thread is about to do, or how it ended."""

    kind: str  # step, choose, done, raised
    name: str = ""
    options: Sequence[Any] = ()
    value: Any = None


class Side:
    """One model thread as Python.  It stands still except inside `go_on`."""

    def __init__(self, thread: Kobject, body: Callable[[], Any]) -> None:
        self.thread = thread
        self._body = body
        self.waited = False
        self.event = Event("start")
        self._worker = _Worker(self._run)
        self._worker.side = self

    def _run(self, _: Any) -> None:
        try:
            self.event = Event("done", value=self._body())
        except Exception as error:  # what it means is for the comparison to say
            self.event = Event("raised", value=error)

    def pause(self, event: Event) -> Any:
        """Called by the worker: stand still until the next turn."""
        assert self._worker.parent is not None
        self.event = event
        return self._worker.parent.switch()

    def go_on(self, answer: Any = None) -> bool:
        """Carry out what it is about to do; false if it has to wait and nothing changed."""
        self.waited = False
        self._worker.switch(answer)
        return not self.waited

    def abandon(self) -> None:
        self._worker.throw()


class _Worker(greenlet):
    side: Side


class Script(runtime.Observer):
    """Hands each pause of plain execution to the side that it happens on."""

    def _side(self) -> Side | None:
        here = getcurrent()
        return here.side if isinstance(here, _Worker) else None

    def current(self) -> Any:
        side = self._side()
        assert side is not None
        return side.thread

    def before_step(self, name: str) -> None:
        side = self._side()
        if side is not None:
            side.pause(Event("step", name))

    def blocked(self, name: str) -> None:
        side = self._side()
        if side is None:
            super().blocked(name)
        else:
            side.waited = True

    def choose(self, options: Sequence[Any]) -> Any:
        side = self._side()
        if side is None or len(options) == 1:
            return super().choose(options)
        return side.pause(Event("choose", options=options))


class Watch:
    """The shared state as the objects hold it; what did not change is not encoded again."""

    def __init__(self, world: World, cells: Mapping[Place, Cell]) -> None:
        self._world, self._cells = world, cells
        self._codes: dict[Cell, int] = {}
        self._held: list[tuple[dict[Any, Any], dict[Any, tuple[Cell, Sort]]]] = []
        self._last: list[dict[Any, Any]] = []
        for cls in dict(world.specs()):
            specs = [spec for of, spec in world.specs() if of is cls]
            for at, obj in enumerate(world.all(cls), 1):
                places = {}
                for spec in specs:
                    held = obj.__dict__[spec.name]
                    if not isinstance(held, Array):
                        places[spec.name] = self._place(cls, spec, (at,))
                        continue
                    codes = world.sort(spec.keys())
                    indices = [code + codes.lowest for code in codes.codes()]
                    elements = {
                        world.decode(i, spec.keys()): self._place(cls, spec, (at, i))
                        for i in indices
                    }  # fmt: skip
                    self._held.append((held._values, elements))
                self._held.append((obj.__dict__, places))
        self._last = [{} for _ in self._held]

    def _place(self, cls: type[Kobject], spec: Field, at: tuple[int, ...]) -> tuple[Cell, Sort]:
        return self._cells[f"{cls.__name__}.{spec.name}", at], self._world.field_sort(spec)

    def state(self) -> dict[Cell, int]:
        for n, (held, places) in enumerate(self._held):
            last = self._last[n]
            if held == last:
                continue
            for name, (place, sort) in places.items():
                if name not in last or held[name] is not last[name]:
                    self._codes[place] = self._world.encode(held[name], sort)
            self._last[n] = dict(held)
        return self._codes


def named(cells: Iterable[Any]) -> dict[Place, Cell]:
    """The cells by the names of `World.snapshot`."""
    found = {}
    for place in cells:
        assert isinstance(place, Cell)
        found[place.var, tuple(i.value for i in place.index if isinstance(i, Const))] = place
    return found


class Difference(AssertionError):  # noqa: N818 - a finding, no error of this program
    """The two runs disagree."""


class Lockstep:
    """One run of a system and of the Python that it was made from."""

    def __init__(
        self, world: World, system: System, initial: State,
        bodies: Sequence[tuple[Kobject, Callable[[], Any]]],
        rules: Mapping[str, Callable[[], Any]],
    ) -> None:  # fmt: skip
        self.world, self.system, self.rules = world, system, rules
        self.it = Interpreter(system)
        self.pos: Position = self.it.start(initial)
        cells = named(initial)
        world.restore({place: initial[cell] for place, cell in cells.items()})
        self._watch = Watch(world, cells)
        self._leaving = [thread.leaving() for thread in system.threads]
        self.script = Script()
        self.sides = [Side(thread, body) for thread, body in bodies]
        self.log: list[str] = []
        self.stopped = False
        self.fired: set[tuple[int, int]] = set()

    def __enter__(self) -> Lockstep:
        self._context = runtime.observed(self.script)
        self._context.__enter__()
        for n, side in enumerate(self.sides):
            side.go_on()
            self._settle(n)
        self._compare("at the start")
        return self

    def __exit__(self, *error: object) -> None:
        for side in self.sides:
            side.abandon()
        self._context.__exit__(None, None, None)

    # -- one step ---------------------------------------------------------------------------------

    def running(self) -> list[int]:
        return [n for n, s in enumerate(self.sides) if s.event.kind in ("step", "choose")]

    def step(self, n: int, pick: Pick) -> bool:
        """Let thread `n` do its next step in both; false if it has to wait in both."""
        side = self.sides[n]
        edges = self.it.enabled(self.pos, n)
        if side.event.kind == "choose":
            names = [str(getattr(o, "name", o)) for o in side.event.options]
            if [e.choice for e in edges] != names:
                self._differ(n, f"Python may choose {names}, the IR {[e.choice for e in edges]}")
            at = pick(names)
            self._log(n, f"choose {names[at]}")
            self._take(n, edges[at])
            side.go_on(side.event.options[at])
            self._settle(n)
            return True
        name = side.event.name
        if len(edges) > 1:
            self._differ(n, f"{name}: {len(edges)} edges are enabled")
        self._log(n, name)
        failing = self._failing(n, edges)
        if not failing:
            self._same_step(n, name)
        went = side.go_on()
        if failing:
            self._must_fail(n, failing)
            return True
        if went != bool(edges):
            self._differ(n, f"{name}: {'the IR' if went else 'Python'} has to wait")
        if edges:
            self._take(n, edges[0])
            self._settle(n)
        self._compare(name)
        return went

    def fire(self, random: Random) -> None:
        """Let hardware do something, in both."""
        able = self.it.rules(self.pos)
        if not able:
            return
        self.fire_rule(random.choice(able))

    def fire_rule(self, rule: Rule) -> None:
        """The same for one rule, which can fire."""
        self.log.append(f"[{rule.name}]")
        self.pos = self.it.fire(self.pos, rule)
        try:
            self.rules[rule.name]()
        except runtime.WouldBlock as error:
            raise Difference(f"{rule.name} waits in Python only\n{self._history()}") from error
        self._compare(rule.name)

    def idle_rules(self) -> None:
        """Rules whose guard does not hold must wait in Python too."""
        able = {r.name for r in self.it.rules(self.pos)}
        for rule in self.system.rules:
            if rule.name not in able:
                with suppress(runtime.WouldBlock):
                    self.rules[rule.name]()
        self._compare("rules that the IR does not let happen")

    # -- comparing --------------------------------------------------------------------------------

    def _take(self, n: int, edge: Edge) -> None:
        self.pos = self.it.take(self.pos, n, edge)
        self.fired.add((n, edge.number))

    def _failing(self, n: int, edges: list[Edge]) -> list[str]:
        return [c.invariant for e in edges for c in self.it.failing(self.pos, e.op, n)]

    def _settle(self, n: int) -> None:
        """Take the IR's silent edges, up to what Python is about to do; compare that."""
        while True:
            edges = self.it.enabled(self.pos, n)
            silent = [e for e in edges if e.op.kind in SILENT]
            if not silent:
                break
            if len(edges) != 1:
                self._differ(n, f"{len(edges)} edges are enabled where control is determined")
            failing = self._failing(n, edges)
            if failing:
                self._must_fail(n, failing)
                return
            self._take(n, silent[0])
        event, at_end = self.sides[n].event, self.pos.pcs[n] == self.system.threads[n].end
        if event.kind == "raised":
            failing = self._failing(n, self.it.enabled(self.pos, n))
            if not failing:
                raise Difference(
                    f"only Python raised {event.value!r}\n" + self._history()
                ) from event.value
            self._must_fail(n, failing)
        elif (event.kind == "done") != at_end:
            self._differ(n, f"Python: {event}; the IR {'is' if at_end else 'is not'} at the end")
        elif at_end:
            self._same_result(n, event.value)

    def _must_fail(self, n: int, failing: list[str]) -> None:
        """A check fails in the IR: Python must have stopped because of it."""
        self.stopped = True
        if RANGE in failing:
            self._differ(n, "a value is out of its range")
        event = self.sides[n].event
        error = event.value if event.kind == "raised" else None
        expected: bool = (
            (isinstance(error, runtime.CheckFailed) and str(error) in failing)
            or (isinstance(error, AttributeError) and NULL in failing)
            or (isinstance(error, runtime.Unmodelled) and UNMODELLED in failing)
        )
        if not expected:
            self._differ(n, f"the IR fails {failing}, Python: {event}")

    def _same_step(self, n: int, name: str) -> None:
        """What Python is about to do is what the edges at the IR's location say."""
        for edge in self._leaving[n].get(self.pos.pcs[n], ()):
            assert edge.call is not None
            shown = edge.call.name
            if shown in ("read", "write"):
                place = edge.call.args[0][1]
                assert isinstance(place, Cell)
                owner = place.index[0]
                code = evaluate(owner, self.pos.locals[n].__getitem__)  # type: ignore[arg-type]
                held = owner.sort.show(code)
                field = place.var.partition(".")[2]
                shown = f"{held}.{field}{' =' if shown == 'write' else ''}"
            if shown != name:
                self._differ(n, f"Python is at {name}, the IR at {shown}")

    def _same_result(self, n: int, result: Any) -> None:
        """The locals `return`, and `return1` and so on for the further parts of a tuple."""
        thread = self.system.threads[n]
        for place in thread.locals:
            end, name, part = place.name.partition(f"{thread.routine}.return")
            if not name or end or not (part == "" or part.isdigit()):
                continue
            value = self.pos.locals[n][place]
            given = result[int(part or 0)] if isinstance(result, tuple) else result
            if self.world.encode(given, place.sort) != value:
                self._differ(n, f"Python returns {result!r}, the IR {value}")

    def _compare(self, after: str) -> None:
        objects, cells = self._watch.state(), self.pos.cells
        if objects != cells:
            wrong = [
                f"{place}: Python {value}, IR {cells[place]}"
                for place, value in objects.items()
                if value != cells[place]
            ]
            raise Difference(f"after {after}: {wrong}\n" + self._history())

    def _log(self, n: int, what: str) -> None:
        self.log.append(f"{self.sides[n].thread.name} {what}")

    def _history(self) -> str:
        return "\n".join(self.log[-30:])

    def _differ(self, n: int, what: str) -> None:
        raise Difference(f"{self.sides[n].thread.name}: {what}\n{self._history()}")


def play(run: Lockstep, random: Random, most: int = 300) -> Lockstep:
    """A random schedule, until all have returned or wait, a check fails, or `most` turns.

    One thread has a head start, often up to its end: what it would do alone happens too.
    """
    with run:
        waiting: set[int] = set()
        burst, n = random.choice((0, 15, 300)), random.choice(run.running())
        for turn in range(most):
            if burst:
                _burst(run, n, burst, random, waiting)
            if turn == 1:
                run.idle_rules()
            if run.system.rules and random.random() < 0.25:
                run.fire(random)
                waiting.clear()
            ready = [n for n in run.running() if n not in waiting]
            if run.stopped or not ready:
                break
            burst, n = random.choice((1, 1, 4, 30)), random.choice(ready)
    return run


def _burst(run: Lockstep, n: int, steps: int, random: Random, waiting: set[int]) -> None:
    """Up to so many steps of one thread."""
    for _ in range(steps):
        if n not in run.running() or run.stopped:
            return
        if not run.step(n, lambda names: random.randrange(len(names))):
            waiting.add(n)
            return
        waiting.clear()

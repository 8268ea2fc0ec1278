# SPDX-License-Identifier: GPL-2.0-only
"""From a cast on an architecture to a system that an engine decides.

A `Stage` is one world on one architecture.  Everything that is made for it (compiled threads,
reductions, generated text) serves all casts that are played on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from checks.stage.attach import Attacher, Conditions
from invariants.registry import Invariant
from model.cast.casts import Cast, Initial, invocations
from model.cast.kernels import kernel_named
from model.cast.parts import Blueprint, Plan, Setup
from model.hw import tlb
from model.hw.arch import Arch, selected
from model.hw.archs import arch_named
from model.hw.eager_tlb import eager, eager_initial
from model.hw.memory import order_accesses
from model.kernel.task import return_to_caller
from model.lang import compose
from model.lang.compose import Invocation
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, near
from model.lang.frontend.source import STEPS, Context, Edit, Kept
from model.lang.ir import Rule, State, System, Thread
from model.lang.objects import Kobject, Snapshot
from model.lang.recent import Recent
from model.patches.family import Variant

from ..engine.codegen.code_cache import CodeCache
from ..engine.codegen.layout import Layout
from ..engine.engines import Engine, search
from ..engine.reference import Explorer
from ..engine.search import Limits, Progress, Search
from ..reduce.liveness import live_locals
from ..reduce.ordering import Ordering
from ..reduce.reducer import Group, Passes, Reduced, Reducer
from ..reduce.unset import unset_fields, without
from .ends import with_ends

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """What world a cast is played in."""

    blueprint: Blueprint
    axes: tuple[tuple[str, Any], ...]
    needs: frozenset[str]
    crew: tuple[str, ...]

    @classmethod
    def of(cls, cast: Cast) -> Setting:
        """The setting of a cast, with what other casts need that share it."""
        made = cast.blueprint
        shared = made.always if len(cast.others) > 1 else made.always | made.alone
        return cls(made, tuple(cast.axes.items()), cast.needs | shared, cast.crew)

    def build(self) -> Setup:
        """The world."""
        return self.blueprint.world(Plan(dict(self.axes), self.needs, self.crew))


@dataclass(frozen=True)
class Role:
    """A variant as it is played: with the edits of a mutant, if it is one.

    `source` is how a user names the patch that it is a variant of; `changed` are the functions
    that the patch changes.
    """

    variant: Variant
    edits: tuple[tuple[str, Edit], ...] = ()
    mutant: str = ""
    source: str = ""
    changed: frozenset[ModelFunction[..., Any]] = frozenset()


class User(NamedTuple):
    """Actions of user CPUs: there are rules for either."""

    stores: bool
    lazy: bool

    @classmethod
    def of(cls, *casts: Cast) -> User:
        """The actions of users in any of these casts."""
        return cls(any(c.stores() for c in casts), any(c.lazy() for c in casts))


Presses = dict[tuple[Setting, frozenset[str], bool], CodeCache]
"""Text by setting, arrays with computed first indices, and whether dead locals are reset."""

_made = compose.Compiled()
"""Threads that the front end has made."""

_kept: Recent[Any] = Recent(200)
"""Rules and threads that stages of one world make alike, by all that they depend on."""


_conditions: Recent[Conditions] = Recent(20)
"""Conditions of invariants in a world, as they are edited; most architectures have them in
common."""


class _Itself:
    """A key that is one object, which stays: another that is equal is another key."""

    def __init__(self, what: object) -> None:
        self._what = what

    def __hash__(self) -> int:
        return id(self._what)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other._what is self._what


def _once(key: Any, make: Callable[[], T]) -> T:
    found: T = _kept.get(key, make)
    return found


class Stage:
    """One world on one architecture, with the invariants that are asked about.

    `anytime` keeps TLBs that fill and forget at any time; without it they are eager.  `presses` has
    the text of other stages of the same setting, which is used again and added to.  `ends`: a
    search also says which routines come to a successful end.
    """

    def __init__(
        self, setting: Setting, arch: str, chosen: Iterable[Invariant], *,
        anytime: bool = False, passes: Passes = Passes(), presses: Presses | None = None,
        ends: bool = False,
    ) -> None:  # fmt: skip
        self.setting, self.arch, self.anytime = setting, arch, anytime
        self._passes, self._presses, self._ends = passes, presses, ends
        self.setup: Setup = setting.build()
        self.world = self.setup.world
        self._base = self.world.snapshot()
        self._ctx = Context(self.world, epilogue=return_to_caller)
        alike = setting, tuple(self._ctx.edits.items()), tuple(self._ctx.swap.items())
        self._attacher = Attacher(self._ctx, chosen, _conditions.get(alike, dict))
        self._newest = arch_named(arch)
        self._ctx.memory_model = self._newest.memory_model
        self._origin = setting, arch
        self.variables = self.world.variables()
        self._steps: dict[Arch, Kept[Any]] = {}
        self._empty = System("", self.variables, (), self._compiled(tlb.FILL))
        self._checks = self._attacher.state_checks()
        self._finals = self._attacher.end_checks()
        self._rules: dict[User, tuple[Rule, ...]] = {}
        self._reducer = Reducer(self.variables, passes)
        self._families: dict[Any, tuple[Reduced, CodeCache, System]] = {}
        self._initial: dict[Any, State] = {}
        self._changed: dict[tuple[_Itself, ModelFunction[..., Any]], bool] = {}

    def by(self, passes: Passes) -> Stage:
        """The same stage with other passes: threads are made once for both, and so is what both
        reduce them to."""
        other = copy(self)
        other._passes, other._reducer, other._families = passes, self._reducer.by(passes), {}
        return other

    def arch_of(self, variant: Variant) -> Arch:
        """The architecture as the kernel has it that a variant runs in."""
        return self._newest.at(kernel_named(variant.neighbours_from).has)

    # -- threads --------------------------------------------------------------------------------

    def _calls(self, cast: Cast, role: Role) -> list[Invocation]:
        subject = role.variant.call(cast, self.setup)
        return invocations(self.setup, subject, cast, role.variant.neighbours_from)

    def raw(self, call: Invocation, role: Role) -> Thread:
        """A thread as the front end makes it, with invariants attached."""
        bare = self._bare(call, role)
        edits = tuple(self._ctx.edits.items())
        key = "asked", _Itself(bare), self._attacher.selected, edits, self._ends
        return _once(key, partial(self._with_invariants, bare, call.thread))

    def _with_invariants(self, bare: Thread, who: Kobject) -> Thread:
        with selected(self._newest):
            thread = self._attacher.thread(bare, who)
        return with_ends(thread) if self._ends else thread

    def _bare(self, call: Invocation, role: Role) -> Thread:
        """A thread as the front end makes it, once for all stages of one world: what is asked
        about it does not matter."""
        names = tuple(getattr(a, "name", a) for a in call.args)
        arch = self.arch_of(role.variant)
        steps = self._steps.setdefault(arch, Kept(STEPS))
        swap = role.variant.swap_in(call.fn)
        ctx = replace(self._ctx, swap=swap, edits=dict(role.edits), steps=steps)
        with selected(arch):
            return _made.thread((self._origin, arch, call.thread.name, call.fn, names), ctx, call)

    def _thread(self, call: Invocation, role: Role) -> Thread:
        raw = self.raw(call, role)
        if self.anytime:
            return raw
        return _once(("eager", _Itself(raw), self._checks), partial(self._eager, raw))

    def _eager(self, raw: Thread) -> Thread:
        alone = replace(self._empty, threads=(raw,), checks=self._checks)
        return eager(order_accesses(alone)).threads[0]

    def _compiled(self, rules: Sequence[ModelFunction[..., Any]]) -> tuple[Rule, ...]:
        """What hardware does by itself, as rules of this world."""
        with selected(self._newest):
            return _once((self._origin, rules), partial(compose.rules, self._ctx, rules))

    def _user_rules(self, user: User) -> tuple[Rule, ...]:
        """What the user CPU does besides walking: store, and stop being lazy."""
        stores = self._compiled(tlb.STORES) if user.stores else ()
        return (*stores, *(self._compiled(tlb.RESUME) if user.lazy else ()))

    def _hardware(self, user: User) -> tuple[Rule, ...]:
        if user not in self._rules:
            found = (*self._compiled(tlb.FILL), *self._user_rules(user))
            if self.anytime:
                found += self._compiled(tlb.EVICT)
            else:
                found = eager(System("", self.variables, (), found)).rules
            self._rules[user] = found
        return self._rules[user]

    # -- systems --------------------------------------------------------------------------------

    def raw_threads(self, cast: Cast, role: Role) -> tuple[Thread, ...]:
        """The threads of a cast as the front end makes them."""
        return tuple(self.raw(c, role) for c in self._calls(cast, role))

    def tested(self, cast: Cast, role: Role) -> tuple[bool, ...]:
        """Which threads of a cast are under test: the subject, wherever it runs, and every routine
        that calls what the patch changes."""
        calls = self._calls(cast, role)
        return tuple(call.fn is calls[0].fn or self._calls_changed(call.fn, role) for call in calls)

    def _calls_changed(self, fn: ModelFunction[..., Any], role: Role) -> bool:
        """True if a routine calls what the patch changes."""
        key = _Itself(role), fn
        if key not in self._changed:
            called = role.variant.called_by([fn])
            self._changed[key] = any(role.changed.intersection(fns) for fns in called.values())
        return self._changed[key]

    def raw_system(self, cast: Cast, role: Role) -> System:
        """Nothing reduced, TLBs at any time: what a schedule is an index into."""
        threads = self.raw_threads(cast, role)
        rules = (
            *self._compiled(tlb.FILL),
            *self._compiled(tlb.EVICT),
            *self._user_rules(User.of(cast)),
        )
        return System(cast.name, self.variables, threads, rules, self._checks, self._finals)

    def system(self, cast: Cast, role: Role) -> System:
        """The system of a cast, before reductions; ModelError if these could not decide it."""
        if not self.anytime:
            require_one_store(cast)
        threads = tuple(self._thread(c, role) for c in self._calls(cast, role))
        rules = self._hardware(User.of(cast))
        return System(cast.name, self.variables, threads, rules, self._checks, self._finals)

    def ordering(self, cast: Cast, role: Role, initial: Iterable[Initial]) -> Ordering:
        """The accesses to memory of a cast, and which of them may be taken in another order,
        whichever of these states it begins in (of those that its world can be in)."""
        roles = {v.name: v.storage for v in self.variables}
        locked = self._attacher.locked_variables()
        system = self.raw_system(cast, role)
        here = Setting.of(cast)
        states = [
            self.initial(replace(cast, initial=i), anytime=True) for i in initial
            if here.blueprint.fits(i.needs, here.needs) and i.fits(cast.axes)
        ]  # fmt: skip
        edges = (edge.op for thread in system.threads for edge in thread.edges)
        unset = unset_fields([*edges, *(rule.op for rule in system.rules)], states)
        threads = [without(thread, unset) for thread in system.threads]
        return Ordering(threads, roles, locked, self._ctx.memory_model)

    def initial(self, cast: Cast, *, anytime: bool | None = None) -> State:
        """The state that a cast begins in."""
        as_is = self.anytime if anytime is None else anytime
        key = *_initial_key(cast), as_is
        if key not in self._initial:
            require_users(cast, self.setup)
            state = compose.state_of(self._ctx, self._set_up(cast))
            self._initial[key] = state if as_is else eager_initial(self._empty, state)
        return self._initial[key]

    def _set_up(self, cast: Cast) -> Snapshot:
        """The values that the world holds as a cast begins; after this it is as it was built."""
        try:
            for process, cpu in self.setup.users.items():
                cpu.stores = cast.stores().get(process, 0)
                cpu.lazy = process in cast.lazy()
            cast.initial.set_up(self.setup)
            held = self.world.snapshot()
        except BaseException:
            self.world.restore(self._base)
            raise
        base = self._base
        self.world.restore({at: base[at] for at, value in held.items() if base[at] != value})
        return held

    def prepare(self, plays: Sequence[tuple[Cast, Role]]) -> None:
        """Compile and reduce what these casts need, before the first of them is decided."""
        groups: dict[object, list[tuple[Cast, Role]]] = {}
        for cast, role in plays:
            groups.setdefault(features_of(cast), []).append((cast, role))
        for members in groups.values():
            systems = [self.system(cast, role) for cast, role in members]
            reduced = self._reducer.reduce(self._group(members, systems))
            press = self._press(reduced.regions.whole)
            for (cast, role), system in zip(members, systems, strict=True):
                self._families[_key(cast, role)] = reduced, press, system

    def _press(self, whole: frozenset[str]) -> CodeCache:
        """The cache of text for a group, in which these arrays are indexed by computed values."""
        presses = self._presses if self._presses is not None else {}
        key = self.setting, whole, self._passes.merge
        if key not in presses:
            layout = Layout(self.variables, whole, len(self.setup.threads))
            presses[key] = CodeCache(layout, live_locals if self._passes.merge else None)
        return presses[key]

    def _group(self, plays: Sequence[tuple[Cast, Role]], systems: Sequence[System]) -> Group:
        seats: list[dict[int, Thread]] = [{} for _ in self.setup.threads]
        initial: dict[Any, State] = {}
        for (cast, _), system in zip(plays, systems, strict=True):
            for n, thread in enumerate(system.threads):
                seats[n][id(thread)] = thread
            initial.setdefault(_initial_key(cast), self.initial(cast))
        rules = self._hardware(User.of(*(cast for cast, _ in plays)))
        return Group(
            [list(s.values()) for s in seats], rules, self._checks, self._finals,
            list(initial.values()), self._attacher.locked_variables(), self._attacher.holder,
            self._attacher.freeable_variables(), self._attacher.in_use,
        )  # fmt: skip

    def forget(self, cast: Cast, role: Role) -> None:
        """Let go of what was reduced and generated for a cast."""
        self._families.pop(_key(cast, role), None)
        if not self._families:
            self._reducer.forget()

    def _prepared(self, cast: Cast, role: Role) -> tuple[Reduced, CodeCache, System]:
        if _key(cast, role) not in self._families:
            self.prepare([(cast, role)])
        return self._families[_key(cast, role)]

    def reduced(self, cast: Cast, role: Role) -> System:
        """The system that is searched."""
        reduced, _, system = self._prepared(cast, role)
        return reduced.of(system)

    def explorer(self, cast: Cast, role: Role) -> Explorer:
        """The reference explorer on the reduced system."""
        return Explorer(self.reduced(cast, role), self._prepared(cast, role)[1])

    def search(
        self, cast: Cast, role: Role, limits: Limits = Limits(), progress: Progress | None = None,
        engine: Engine = Engine.AUTO,
    ) -> tuple[Explorer, Search]:  # fmt: skip
        """Decide one cast."""
        explorer = self.explorer(cast, role)
        return explorer, search(explorer, self.initial(cast), limits, engine, progress)


def require_one_store(cast: Cast) -> None:
    """Check that user code stores once at most: with eager TLBs two stores could use translations
    of which no CPU held one after the other."""
    if sum(cast.stores().values()) > 1:
        raise ModelError(
            f"{cast.name}: user code may make one store only",
            why="two could use translations that no CPU holds one after the other",
            instead="leave out one of " + ", ".join(n.name for n in cast.others if n.stores),
        )  # fmt: skip


def require_users(cast: Cast, setup: Setup) -> None:
    """Check that what user CPUs do is done by some CPU."""
    for other in cast.others:
        process = cast.process_of(other)
        if (other.stores or other.lazy) and process not in setup.users:
            raise ModelError(
                f"{cast.name}: {other.name} is about a user CPU of {process}",
                why="the world has none, so that nothing would happen",
                instead=near(process, setup.users),
            )  # fmt: skip


def _initial_key(cast: Cast) -> tuple[object, ...]:
    """The part of a cast that decides the state in which it begins."""
    return cast.initial.name, tuple(cast.stores().items()), cast.lazy()


def features_of(cast: Cast) -> tuple[bool, bool]:
    """Features that decide with which other casts a cast is reduced: the larger a group, the less
    work it is, but the more states each of its casts has.

    Pairs begin in few states, so that more is known of them, and have most states: those apart in
    which others make steps conflict that otherwise would not.
    """
    pair = len(cast.others) > 1
    return pair, pair and (any(User.of(cast)) or any(n.conflict is not None for n in cast.others))


def _key(cast: Cast, role: Role) -> Any:
    return cast.name, role


__all__ = ["Initial", "Role", "Setting", "Stage", "features_of"]

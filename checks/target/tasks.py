# SPDX-License-Identifier: GPL-2.0-only
"""Tasks: what to decide as plain data, which any process that has this tool can decide.

A task names a target, a side of it, an architecture, casts that are reduced together, which of
them are asked for, invariants and limits, in about 1 kB.  A process that has another text of the
tool, or of the user's own file, refuses it.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from invariants.registry import Invariant
from model.cast.casts import Cast

from ..engine.engines import Engine
from ..engine.search import Limits
from ..play import sources
from ..play.findings import packed
from ..play.play import Play, Theatre
from ..play.turns import Player, Turn
from .target import Origin, Side, Target, found_again


class OtherToolError(Exception):
    """A process has another tool than the one that sent it a task."""


@dataclass(frozen=True)
class Task:
    """A turn as plain data; `family` numbers the turns that have text in common."""

    tool: tuple[str, str]
    origin: Origin
    side: str
    arch: str
    casts: tuple[str, ...]
    asked: tuple[int, ...]
    family: int
    invariants: tuple[str, ...]
    engine: str
    limits: tuple[int, int, int]
    """States, bytes of memory, depth: an end in time means nothing to another machine."""

    def written(self) -> bytes:
        """The task as it is sent."""
        return zlib.compress(json.dumps(asdict(self), separators=(",", ":")).encode(), 9)

    @classmethod
    def read(cls, data: bytes) -> Task:
        """The task that was written so."""
        fields = json.loads(zlib.decompress(data))
        for name, value in fields.items():
            if isinstance(value, list):
                fields[name] = tuple(value)
        return cls(**{**fields, "origin": Origin(**fields["origin"])})


def task_of(
    target: Target, chosen: Sequence[Invariant], limits: Limits, engine: Engine
) -> Callable[[Turn], bytes]:
    """Writer of the turns of a target."""
    tool, names = _tool(), tuple(i.name for i in chosen)

    def written(turn: Turn) -> bytes:
        play = turn.plays[0]
        side = next(s.label for s in target.sides if s.role is play.role)
        casts = tuple(p.cast.name for p in turn.plays)
        return Task(
            tool, target.origin, side, play.arch, casts, turn.asked, turn.family, names,
            engine.value, (limits.states, limits.bytes, limits.depth),
        ).written()  # fmt: skip

    return written


def _tool() -> tuple[str, str]:
    return sources.digest(), sys.version


@dataclass
class _Process:
    """Things that this process keeps between tasks of one question."""

    question: object
    target: Target
    player: Player


_process: _Process | None = None
_lock = threading.Lock()
"""Held by the thread that decides: what is made is made for one."""


def decide(data: bytes) -> bytes:
    """The packed findings of a task that was written elsewhere, in the order of `asked`.

    OtherToolError where this is not the tool that wrote it.
    """
    task = Task.read(data)
    if task.tool != _tool() or not sources.unchanged():
        raise OtherToolError("the text of the tool, or its Python, is another one there")
    with _lock:
        collecting = gc.isenabled()
        gc.disable()  # as in processes of the machine that asks
        try:
            process = _process_for(task)
            side = next(s for s in process.target.sides if s.label == task.side)
            casts = _casts(process.target, side, task.casts)
            plays = tuple(Play(cast, side.role, task.arch) for cast in casts)
            return packed(process.player.decide(Turn(task.family, 0, plays, task.asked)))
        finally:
            if collecting:
                gc.enable()


def _process_for(task: Task) -> _Process:
    global _process
    question = task.origin, task.invariants, task.engine, task.limits
    if _process is None or _process.question != question:
        _process = None
        target = found_again(task.origin)
        if target.origin != task.origin:
            raise OtherToolError(f"{task.origin.patch}, or a file beside it, is another one there")
        chosen = [target.registry[name] for name in task.invariants]
        states, memory, depth = task.limits
        limits = Limits(states, bytes=memory, depth=depth)
        player = Player(Theatre(chosen, Engine(task.engine)), limits)
        _process = _Process(question, target, player)
    return _process


def _casts(target: Target, side: Side, names: Sequence[str]) -> list[Cast]:
    """The casts of these names."""
    casts, kernel = target.family.casts, side.role.variant.neighbours_from
    default = {cast.name: cast for cast in casts.default(kernel)}
    found = []
    for name in names:
        cast = default.get(name) or casts.named(name, kernel)
        if cast is None:
            raise OtherToolError(f"there is no {name} there")
        found.append(cast)
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""Schedules: a run written as one line, to be carried out again.

    PATCH#VARIANT/CAST@ARCH:0*12,[fill CPU3 0 src.table],1{4},1*3

A digit is one step of that CPU, `*N` says how often, `{OPTION}` which way a free choice goes, and
brackets hold something that hardware does.  A mutant stands after the variant, behind a tilde.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.lang.errors import ModelError

from ..play.play import Play
from .run import Tick

_TICK = re.compile(r"(\d)(?:\{([^}]*)\})?(?:\*(\d+))?|\[([^\]]+)\]")
_COMMA = re.compile(r",(?![^\[]*\])")
"""Between ticks; what hardware does may have commas of its own."""
_HEAD = re.compile(
    r"(?P<patch>[^#]+)#(?P<variant>[^/~]+)(~(?P<mutant>[^/]+))?/(?P<cast>.+)@(?P<arch>[\w.-]+)"
)


@dataclass(frozen=True)
class Schedule:
    """What a schedule names."""

    patch: str
    variant: str
    mutant: str
    cast: str
    arch: str
    ticks: tuple[Tick, ...]


def write_schedule(play: Play, ticks: Sequence[Tick]) -> str:
    """The line of a run."""
    role = play.role
    who = role.variant.name + (f"~{role.mutant}" if role.mutant else "")
    text: list[str] = []
    at = 0
    while at < len(ticks):
        tick = ticks[at]
        same = 1
        while not tick.rule and at + same < len(ticks) and ticks[at + same] == tick:
            same += 1
        at += same
        if tick.rule:
            text.append(f"[{tick.rule}]")
            continue
        choice = f"{{{tick.choice}}}" if tick.choice else ""
        text.append(f"{tick.thread}{choice}" + (f"*{same}" if same > 1 else ""))
    return f"{role.source}#{who}/{play.name}:{','.join(text)}"


def read_schedule(line: str) -> Schedule:
    """What a line says; ModelError if it is no schedule."""
    head, colon, tail = line.strip().rpartition(":")
    found = _HEAD.fullmatch(head)
    if not colon or found is None:
        raise ModelError(
            "not a schedule", why=f"'{line[:60]}' is not PATCH#VARIANT/CAST@ARCH:STEPS",
            instead="copy the line that a trace ends with",
        )  # fmt: skip
    ticks: list[Tick] = []
    for part in _COMMA.split(tail) if tail else ():
        step = _TICK.fullmatch(part)
        if step is None:
            raise ModelError("not a schedule", why=f"'{part[:40]}' is no step")
        digit, choice, times, rule = step.groups()
        ticks += [Tick(rule=rule)] if rule else [Tick(int(digit), choice or "")] * int(times or 1)
    return Schedule(
        found["patch"], found["variant"], found["mutant"] or "", found["cast"], found["arch"],
        tuple(ticks),
    )  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""What was found before, by content, so that nothing is decided twice.

A finding depends on the text of this tool (models, invariants and engines included), on what runs
it (Python, the engine, the native one's sources) and on what was asked: all are in its key.  What a
search that was cut short by time, memory or the user found is not kept, nor is anything where a
user's own file has been read, or where the text was changed under the run.

Several versions of the tool may use one directory.  A row is removed when it was not asked for in
`MOST_DAYS`, and the oldest are where all take more than `MOST_BYTES`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from invariants.registry import Invariant
from model.patches import FAMILIES

from ..engine.engines import Engine
from ..engine.native.extension import identity
from ..engine.search import Limits
from ..engine.userdirs import cache_directory
from . import sources
from .findings import read, written
from .play import Finding, Play, reduced_together

T = TypeVar("T")

Found = tuple[str, int, bool]
"""The line of a trace, how many states were visited to find it, and whether it is the shortest."""

MOST_DAYS, MOST_BYTES = 90, 64 << 20

_TABLE = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, used INTEGER, value BLOB)"
"""`used` is the day on which a row was asked for last, from 1970."""

_REMOVE = """
DELETE FROM kept WHERE key IN (
    SELECT key FROM (
        SELECT key, SUM(LENGTH(key) + LENGTH(value)) OVER (ORDER BY used DESC, key) AS bytes
        FROM kept
    ) WHERE bytes > ?
)"""
"""Removes what was not asked for for longest, so that the rest takes no more than so many bytes."""

_AT_ONCE = 500
"""Keys in one question to the database."""


class Verdicts:
    """A database of findings and of schedules; where it cannot be used, one that is empty.

    `why` says so then.  `known` counts the findings that were there.
    """

    def __init__(self, *, use: bool = True, engine: Engine = Engine.AUTO) -> None:
        self.why = "" if use else "not asked for"
        self._tool: list[str] = []
        if use:
            with contextlib.suppress(OSError):  # a file that is gone is one that was changed
                self._tool = _tool(engine)
            self._look_at_sources()
        self._tidy = False
        self.known = 0

    def findings(
        self, plays: Sequence[Play], chosen: Sequence[Invariant], limits: Limits
    ) -> dict[int, Finding]:
        """Findings that are known of plays, by their position.

        How many states a play has depends on what it is reduced with, which is in its key: so an
        answer says the same whatever was asked before.
        """
        at = {id(play): n for n, play in enumerate(plays)}
        keys = {
            self._key(play, beside, chosen, limits): at[id(play)]
            for together in reduced_together(plays) for beside in (_names(together),)
            for play in together if _can_keep(play)
        }  # fmt: skip
        found = {keys[key]: read(text) for key, text in self._look_up(list(keys)).items()}
        self.known += len(found)
        return found

    def keep(
        self, together: Sequence[Play], found: Iterable[tuple[Play, Finding]],
        chosen: Sequence[Invariant], limits: Limits,
    ) -> None:  # fmt: skip
        """Keep findings of plays that were reduced together, those that every run would make."""
        beside = _names(together)
        self._write({
            self._key(play, beside, chosen, limits): written(finding)
            for play, finding in found
            if _can_keep(play) and finding.why in ("", limits.too_many_states())
        })  # fmt: skip

    def schedule(self, play: Play, invariant: Invariant) -> Found | None:
        """What was found when a trace was looked for."""
        if not _can_keep(play):
            return None
        text = self._look_up([self._trace_key(play, invariant)])
        for line in text.values():
            schedule, states, fewest = json.loads(line)
            return str(schedule), int(states), bool(fewest)
        return None

    def keep_schedule(self, play: Play, invariant: Invariant, found: Found) -> None:
        """Keep it."""
        if _can_keep(play):
            self._write({self._trace_key(play, invariant): json.dumps(found)})

    def texts(self, what: str, plays: Sequence[Play]) -> dict[int, list[Any]]:
        """What is known of the text of plays, by their position."""
        keys = {self._text_key(what, p): n for n, p in enumerate(plays) if _can_keep(p)}
        return {keys[key]: json.loads(text) for key, text in self._look_up(list(keys)).items()}

    def keep_text(self, what: str, play: Play, found: list[Any]) -> None:
        """Keep it."""
        if _can_keep(play):
            self._write({self._text_key(what, play): json.dumps(found)})

    # -- keys ----------------------------------------------------------------------------------

    def _key(self, play: Play, beside: str, chosen: Sequence[Invariant], limits: Limits) -> str:
        names = sorted(i.name for i in chosen)
        return self._digest(["finding", *_asked(play), beside, names, limits.states])

    def _trace_key(self, play: Play, invariant: Invariant) -> str:
        return self._digest(["trace", *_asked(play), invariant.name])

    def _text_key(self, what: str, play: Play) -> str:
        return self._digest([what, *_asked(play)])

    def _digest(self, parts: list[Any]) -> str:
        return hashlib.sha256(json.dumps([*self._tool, *parts]).encode()).hexdigest()

    # -- the database --------------------------------------------------------------------------

    def _look_up(self, keys: list[str]) -> dict[str, str]:
        def ask(database: sqlite3.Connection) -> dict[str, str]:
            found = {}
            for at in range(0, len(keys), _AT_ONCE):
                some = keys[at : at + _AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = database.execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", some)
                for key, value in rows:
                    found[key] = zlib.decompress(value).decode()
            with contextlib.suppress(sqlite3.OperationalError):  # it can be read, not written
                again = [(_today(), key, _today()) for key in found]
                database.executemany("UPDATE kept SET used = ? WHERE key = ? AND used < ?", again)
            return found

        return self._with(ask) or {}

    def _write(self, values: dict[str, str]) -> None:
        def put(database: sqlite3.Connection) -> None:
            database.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)",
                [(k, _today(), zlib.compress(v.encode())) for k, v in values.items()],
            )
            if not self._tidy:
                database.execute("DROP TABLE IF EXISTS found")  # what this was called before
                database.execute("DELETE FROM kept WHERE used < ?", [_today() - MOST_DAYS])
                database.execute(_REMOVE, [MOST_BYTES])

        if values:
            self._look_at_sources()
            self._with(put)
            self._tidy = True

    def _look_at_sources(self) -> None:
        if not self.why and not sources.unchanged():
            self.why = "the text of the tool was changed while it ran"

    def _with(self, job: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something with the database.  One that is damaged is put aside, once."""
        for again in (True, False):
            if self.why:
                return None
            path = cache_directory() / "verdicts.sqlite"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(path)) as database, database:
                    database.execute(_TABLE)
                    return job(database)
            except sqlite3.OperationalError as error:
                self.why = str(error)
            except (sqlite3.Error, zlib.error) as error:
                if not again or not _removed(path):
                    self.why = str(error)
            except OSError as error:
                self.why = error.strerror or str(error)
        return None


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _names(together: Sequence[Play]) -> str:
    """A digest of the casts that are reduced together."""
    return hashlib.sha256("\0".join(p.cast.name for p in together).encode()).hexdigest()


def _can_keep(play: Play) -> bool:
    return play.role.source in FAMILIES


def _asked(play: Play) -> list[str]:
    role = play.role
    return [role.source, role.variant.name, role.mutant, play.name]


def _tool(engine: Engine) -> list[str]:
    """The finder: the text of this tool, and what runs it."""
    built = "" if engine is Engine.REFERENCE else identity()
    return [sources.digest(), sys.version, engine.value, built]


def _today() -> int:
    return int(time.time()) // 86400

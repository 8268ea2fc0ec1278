# SPDX-License-Identifier: GPL-2.0-only
"""The order of accesses of one side and architecture, looked at by a process beside others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from invariants.registry import Invariant
from model.lang.errors import ModelError

from ..engine import interrupts
from ..play.cells import Cell, Verdict
from ..play.play import Play, contradiction
from ..play.turns import Errand
from .ordering import Answer, Reader, Version


class OrderErrand(Errand):
    """The cell of an invariant about order, and the answers that it rests on; plays stay where they
    are, and only their places are sent.  `failed` is a fault that the tool found in itself."""

    def __init__(
        self, invariant: Invariant, reader: Reader, plays: Sequence[Play], until: float,
        before: Version | None,
    ) -> None:  # fmt: skip
        super().__init__(self._look)
        self.invariant, self.failed = invariant, ""
        self._reader, self._plays, self._until, self._before = reader, plays, until, before

    def _look(self) -> Any:
        places = {id(play): n for n, play in enumerate(self._plays)}
        if interrupts.noticed():
            return Verdict.UNKNOWN, interrupts.INTERRUPTED, [], ""
        try:
            cell, answers = self._reader.cell(
                self.invariant, self._plays, self._until, self._before
            )
        except ModelError:
            raise
        except KeyboardInterrupt:
            return Verdict.UNKNOWN, interrupts.notice(), [], ""
        except Exception as error:
            why = contradiction(error)
            return Verdict.UNKNOWN, why, [], why
        told = [(places[id(a.play)], a.pairs, a.functions) for a in answers]
        return cell.verdict, cell.reason, told, ""

    def found(self) -> tuple[Cell, tuple[Answer, ...]]:
        """The cell and its answers; UNKNOWN where nobody looked."""
        if self.why:
            return Cell(self.invariant, Verdict.UNKNOWN, self.why, 0, 0, ()), ()
        kind, reason, told, self.failed = self.answer
        answers = tuple(Answer(self._plays[n], pairs, fns) for n, pairs, fns in told)
        return Cell(self.invariant, kind, reason, len(answers), 0, ()), answers

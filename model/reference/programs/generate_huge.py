# SPDX-License-Identifier: GPL-2.0-only
"""Random programs in an arena with huge pages: ranges are whole PMDs more often than not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .generate import Generator, Place
from .program import Operation, Program


class HugeGenerator(Generator):
    """Programs from one seed, in an arena with huge pages, or of whole PUDs."""

    @property
    def _whole(self) -> int:
        """Pages of what ranges are to have often: a PMD, or a PUD."""
        return self._arena.huge or self._arena.pud

    def program(self, steps: int) -> Program:
        """A program of so many operations, after a few that map the arena."""
        last = self._arena.pages - self._whole
        ops = [Operation("mmap", 0, 0, last), Operation("mmap", 0, last, self._whole)]
        if "register" in self._names and self._random.random() < 0.6:
            ops.append(Operation("register", 0, last, self._whole, flags=frozenset({"missing"})))
        draw = self._random.random()
        if draw < 0.6 and "huge_write" in self._names:
            ops.append(Operation("huge_write", 0, 0, last))
        if draw < 0.4 and self._arena.huge >= 4:
            ops += self._random.choice((self._shared_pages, self._third_process, self._table))(last)
        return self._begun(ops, steps)

    # -- beginnings: what takes several operations, one after the other ----------------------------

    def _shared_pages(self, last: int) -> list[Operation]:
        """A huge page is mapped page by page; after a fork some of them are exclusive again."""
        start, huge = self._random.randrange(0, last, self._arena.huge), self._arena.huge
        gone, written, *other = self._random.sample(range(start, start + huge), 4)
        ops = [
            Operation("write", 0, written, token=self._token()),
            Operation("dontneed", 0, gone, 1),
            Operation("fork", 0, target=1),
        ]
        if "fork" not in self._names:
            return ops[:2]
        ops += [Operation("exit", 1)] if self._random.random() < 0.7 else []
        ops += [Operation("write", 0, page, token=self._token()) for page in (written, *other[:1])]
        if "move" in self._names:
            moved = self._random.choice((written, *other))
            ops.append(Operation("move", 0, moved, 1, last + self._random.randrange(huge)))
        return ops

    def _third_process(self, last: int) -> list[Operation]:
        """The one that maps a folio last is one that came third."""
        start = self._random.randrange(0, last, self._arena.huge)
        page = start + self._random.randrange(self._arena.huge)
        ops = [Operation("write", 0, page, token=self._token()),
               Operation("mprotect", 0, start, 1, prot="r")]  # fmt: skip
        if "fork" not in self._names:
            return ops
        ops += [
            Operation("fork", 0, target=1),
            Operation("fork", self._random.randrange(2), target=2),
            Operation("dontneed", 0, start, self._arena.huge),
            Operation("exit", 1),
            Operation("write", 2, page, token=self._token()),
        ]
        return ops

    def _table(self, last: int) -> list[Operation]:
        """A page table moves, its VMA stays, and there may be a leaf where it was; or what was
        there is read."""
        start, huge = self._random.randrange(0, last, self._arena.huge), self._arena.huge
        page = start + self._random.randrange(huge)
        skipped = self._random.choice((0, 0, 1, huge - 1))
        flags = frozenset({"maymove", "fixed", "dontunmap"})
        ops = [Operation("mprotect", 0, start, 1, prot="r"), Operation("mprotect", 0, start, 1),
               Operation("write", 0, page, token=self._token())]  # fmt: skip
        if skipped:
            ops.append(Operation("munmap", 0, start, skipped))
        length = huge - skipped
        ops.append(
            Operation("mremap", 0, start + skipped, length, last + skipped, length, flags=flags)
        )
        if skipped:
            ops.append(Operation("mmap", 0, start, skipped))
        return [*ops, Operation(self._random.choice(("huge_write", "read")), 0, page)]

    def _pmds(self, proc: int, wanted: Callable[[Place], bool]) -> list[int]:
        """Where PMDs begin of which every page is mapped and as wanted."""
        places, huge = self._belief.places[proc], self._whole
        return [
            start
            for start in range(0, len(places), huge)
            if all(p is not None and wanted(p) for p in places[start : start + huge])
        ]

    def _span(self, longest: int = 6) -> tuple[int, int]:
        """A whole PMD, or two, or a part of one."""
        huge, draw = self._whole, self._random.random()
        start = self._random.randrange(0, self._arena.pages, huge)
        if draw < 0.6:
            most = (self._arena.pages - start) // huge
            return start, huge * min(2 if draw < 0.1 else 1, most)
        if draw < 0.8:  # from its beginning, or to its end
            part = self._random.randrange(1, huge)
            return (start, part) if draw < 0.7 else (start + huge - part, part)
        return super()._span(longest)

    def _where(
        self, proc: int, wanted: Callable[[Place | None], bool], longest: int = 6
    ) -> tuple[int, int]:
        page, length = super()._where(proc, wanted, longest)
        if longest > 1 and self._random.random() < 0.4:
            return page - page % self._whole, self._whole
        return page, length

    def filled(self, name: str) -> Operation:
        """huge_read and huge_write: a PMD where there may be a leaf."""
        proc = self._one()
        empty = self._pmds(proc, lambda p: p.kind == "anon" and p.prot == "rw" and not p.touched)
        if not empty or self._random.random() < 0.2:
            return Operation(name, proc, *self._span())
        start, part = self._random.choice(empty), self._random.randrange(self._whole)
        if self._random.random() < 0.5:
            return Operation(name, proc, start, self._whole)
        return Operation(name, proc, start + part, 1)

    def mremap(self) -> Operation:
        """Mostly to a place at the same offset in its PMD."""
        op = super().mremap()
        if "fixed" not in op.flags or self._random.random() < 0.2:
            return op
        huge = self._whole
        return self._to(op, op.target - op.target % huge + op.page % huge)

    def move(self) -> Operation | None:
        """Half of the time from all of a PMD, or from its beginning, to that of another."""
        proc = self._one()
        anon = self._pmds(proc, lambda p: p.kind == "anon" and p.prot == "rw" and p.touched)
        free = self._pmds(proc, lambda p: bool(p.registered) and p.prot == "rw" and not p.touched)
        if anon and free and self._random.random() < 0.7:
            length = self._whole
            if self._random.random() < 0.3:
                length = self._random.randint(1, length)
            op = Operation(
                "move",
                proc,
                self._random.choice(anon),
                length,
                self._random.choice(free),
                flags=self._flags(holes=0.3),
            )
            offset = self._random.choice((0, 0, 0, 1, 3))
            return replace(op, page=op.page + offset, length=min(length, self._whole - offset))
        return super().move()

    def _to(self, op: Operation, target: int) -> Operation:
        """The same with another target, where it fits."""
        fits = target + op.new_length <= self._arena.pages
        return replace(op, target=target) if fits else op

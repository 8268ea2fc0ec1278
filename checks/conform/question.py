# SPDX-License-Identifier: GPL-2.0-only
"""What `conform` is asked, and its answer: probe, borrow what was granted, compare, give back."""

from __future__ import annotations

import contextlib
import platform
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from model.lang.errors import ModelError
from model.reference.machine.check import broken
from model.reference.machine.machine import Reference
from model.reference.programs.observation import Capability
from model.reference.programs.program import Arena, Program
from model.reference.programs.system_calls import SYSTEM_CALLS
from model.reference.state.behaviour import Behaviour

from .generate import PAGES, random_hugetlb_program, random_program
from .kernel.actor import AWAY
from .kernel.grants import (
    HUGE_PAGES,
    SWAP_BYTES,
    AnotherRunError,
    NotGrantedError,
    given_back,
    huge_pages,
    some_swap,
    swap_areas,
)
from .kernel.hugetlb import NoHugePagesError, Sharing, pmd_sharing
from .kernel.probes import Probed, behaviour_of, probe_kernel
from .run import Asked, Report, Watch, conform

WIDTH = 100

Make = Callable[[Arena, Behaviour], Reference]
"""Makes a fresh reference MM for a kernel that behaves so."""


@dataclass(frozen=True)
class Question:
    programs: int
    steps: int
    seed: int
    without: tuple[str, ...] = ()
    swap: bool = False
    """Borrow a swap file."""
    hugetlb: bool = False
    """Borrow huge pages; one program of ten, on top of the others, is then of those."""
    jobs: int = 0


def check_question(question: Question) -> None:
    """ModelError where there is nothing to run it on, or for what is no operation."""
    if sys.platform != "linux" or sys.maxsize < 2**32 or sys.byteorder != "little":
        raise ModelError("conform", why="it runs on 64-bit little-endian Linux alone")
    for name in question.without:
        if name not in SYSTEM_CALLS:
            raise ModelError(
                f"--without {name}", why="there is no such operation",
                instead=f"known: {', '.join(SYSTEM_CALLS)}",
            )  # fmt: skip


@dataclass
class Answer:
    question: Question
    kernel: str
    """Release and architecture, for the reader: nothing is concluded from them."""
    probed: tuple[Probed, ...] = ()
    report: Report | None = None
    """None where the basic set is missing, or another run was in the way."""
    hugetlb: Report | None = None
    """Programs of huge pages; None where they were not asked for, or there are none."""
    unseen: tuple[Capability, ...] = ()
    """What the kernel can and the reference cannot."""
    sharing: list[Sharing] = field(default_factory=list)
    not_granted: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[Probed]:
        """What is missing of the basic set."""
        return [p for p in self.probed if p.basic and p.why]

    @property
    def exit_code(self) -> int:
        """1 a difference, 3 something that was asked for is not known, 0 agreement."""
        if any(report.differing() for report in self.reports):
            return 1
        if any(not s.as_observed for s in self.sharing):
            return 1
        if self.report is None or self.not_granted or (self.question.hugetlb and not self.hugetlb):
            return 3
        unknown = any(
            r.interrupted or r.lost or r.differing(steady=False) or not r.steps
            for r in self.reports
        )
        return 3 if unknown else 0

    @property
    def reports(self) -> list[Report]:
        return [r for r in (self.report, self.hugetlb) if r is not None]


def touched(question: Question) -> list[str]:
    """What a run will touch, for the user to read before it does."""
    borrows = ", but for:" if question.swap or question.hugetlb else "."
    lines = textwrap.wrap(
        f"conform runs {question.programs} random programs of system calls on the kernel of this"
        f" machine, in child processes of its own: memory calls on {PAGES} pages, on three huge"
        f" ones, or on 12 pages of 3 GiB of addresses, at {AWAY:#x} of those children, fork,"
        " userfaultfd, io_uring buffers.  It reads /proc/PID/pagemap and maps of its children,"
        f" /proc/kpageflags and /proc/kpagecount.  It changes no setting of the system{borrows}",
        WIDTH,
    )
    if question.swap:
        lines.append(f"  --swap     a swap file of {SWAP_BYTES >> 20} MiB is in use until it ends")
    if question.hugetlb:
        lines.append(
            f"  --hugetlb  {HUGE_PAGES} huge pages are reserved and given back;"
            f" {hugetlb_programs(question)} programs more map them"
        )
    return lines


def ask(question: Question, make: Make = Reference, watch: Watch | None = None) -> Answer:
    """Probe the kernel, and compare as far as it goes.  An interrupt ends it with what is known."""
    answer = Answer(question, f"Linux {platform.release()} {platform.machine()}")
    try:
        with swap_areas(change=question.swap), _granted(answer):
            _compare(answer, make, watch)
    except AnotherRunError as error:
        answer.not_granted.append(str(error))
    return answer


def _compare(answer: Answer, make: Make, watch: Watch | None) -> None:
    """Fill in the answer."""
    question = answer.question
    answer.probed = probe_kernel(hugetlb=question.hugetlb)
    if answer.missing:
        return
    behaviour = behaviour_of(answer.probed)
    can = {p.capability for p in answer.probed if p.capability and not p.why}
    reference = make(Arena(), behaviour).can
    answer.unseen = tuple(c for c in Capability if c in can and c not in reference)
    can &= reference

    def program(number: int) -> Program:
        return random_program(question.seed, number, question.steps, can, question.without)

    def fresh(arena: Arena) -> Reference:
        return make(arena, behaviour)

    asked = Asked(program, fresh, question.programs, can, broken, question.jobs)
    answer.report = conform(asked, watch)
    if Capability.HUGETLB in can and not answer.report.interrupted:

        def hugetlb_program(number: int) -> Program:
            seed, without = question.seed, question.without
            return random_hugetlb_program(seed, number, question.steps, can, without)

        # One process at a time: the pool is small.
        asked = Asked(hugetlb_program, fresh, hugetlb_programs(question), can, broken, jobs=1)
        answer.hugetlb = conform(asked, watch)


def hugetlb_programs(question: Question) -> int:
    """How many programs of huge pages are run besides the others."""
    return max(question.programs // 10, 1)


@contextlib.contextmanager
def _granted(answer: Answer) -> Iterator[None]:
    """With what was granted; what could not be had is noted."""
    with contextlib.ExitStack() as stack:
        if answer.question.swap or answer.question.hugetlb:
            stack.enter_context(given_back())
        if answer.question.swap:
            try:
                stack.enter_context(some_swap())
            except (NotGrantedError, OSError) as error:
                answer.not_granted.append(str(error))
        if answer.question.hugetlb:
            try:
                stack.enter_context(huge_pages())
                answer.sharing = [pmd_sharing(0), pmd_sharing(1)]
            except (NotGrantedError, NoHugePagesError, OSError) as error:
                answer.not_granted.append(str(error))
        yield

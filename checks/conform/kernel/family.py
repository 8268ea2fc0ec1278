# SPDX-License-Identifier: GPL-2.0-only
"""The processes of a program: p0 is this process, the others wait on sockets to be told.

A child lives until it is told to end, loses its socket, or this process dies: none is left
behind.  Only processes that were made here are ever ended, each by its own number.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
from dataclasses import dataclass

from model.reference.programs.program import Operation, Result

from . import abi, calls
from .actor import Actor, carry_out
from .observe import Pages

PATIENCE = 10.0
"""Seconds within which a child has to answer."""
_LONGEST = 1 << 16


class LostChildError(Exception):
    """A child does not answer."""


@dataclass
class _Child:
    pid: int
    socket: socket.socket
    pidfd: int
    pages: Pages


class Family:
    """p0 and its descendants, by the numbers that programs use."""

    def __init__(self, actor: Actor) -> None:
        calls.prctl(abi.PR_SET_CHILD_SUBREAPER, 1)  # orphans come here
        self._actor = actor
        self._own = Pages(os.getpid())
        self._children: dict[int, _Child] = {}
        self._dead: list[int] = []

    def living(self) -> list[int]:
        return [0, *sorted(self._children)]

    def pages(self, process: int) -> Pages:
        return self._children[process].pages if process else self._own

    def run(self, op: Operation) -> Result:
        """What the operation returned in its process."""
        if op.name == "fork":
            return self._fork(op.proc, op.target)
        if op.name == "exit":
            return self._exit(op.proc)
        if op.proc == 0:
            return carry_out(self._actor, op)
        return self._ask(self._children[op.proc], op)

    def peek(self, process: int, pages: list[int]) -> list[int | None]:
        """What present pages of a process begin with; see Actor.peek."""
        if process == 0:
            return self._actor.peek(pages)
        child = self._children[process]
        child.socket.send(pickle.dumps(pages))
        answer = self._answer(child.socket)
        assert isinstance(answer, list)
        return answer

    def _ask(self, child: _Child, op: Operation, *fds: int) -> Result:
        socket.send_fds(child.socket, [pickle.dumps(op)], fds)
        answer = self._answer(child.socket)
        assert isinstance(answer, Result)
        return answer

    @staticmethod
    def _answer(ours: socket.socket) -> object:
        answer = ours.recv(_LONGEST) if select.select([ours], [], [], PATIENCE)[0] else b""
        if not answer:
            raise LostChildError("a child does not answer")
        return pickle.loads(answer)

    def _fork(self, parent: int, number: int) -> Result:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            if parent == 0:
                if os.fork() == 0:
                    self._become(theirs, ours)
                result = Result()
            else:
                result = self._ask(
                    self._children[parent], Operation("fork", parent), theirs.fileno()
                )
        if result.errno:
            ours.close()
            return result
        pid = self._answer(ours)
        assert isinstance(pid, int)
        self._children[number] = _Child(pid, ours, os.pidfd_open(pid), Pages(pid))
        return result

    def _become(self, theirs: socket.socket, ours: socket.socket) -> None:
        """What a new child does: it serves, and never returns."""
        try:
            ours.close()  # or nobody would notice that this end of a socket is lost
            for child in self._children.values():
                child.socket.close()
            _serve(self._actor, theirs)
        finally:
            os._exit(1)

    def _exit(self, process: int) -> Result:
        child = self._children.pop(process)
        result = self._ask(child, Operation("exit", process))
        self._bury(child)
        return result

    def _bury(self, child: _Child) -> None:
        """Wait until it has given back its memory, which is before it can be waited for."""
        if not select.select([child.pidfd], [], [], PATIENCE)[0]:
            raise LostChildError("a child does not end")
        child.socket.close()
        child.pages.close()
        os.close(child.pidfd)
        self._dead.append(child.pid)

    def end_children(self) -> None:
        """Kill what lives, children before their parents or not, and wait for all."""
        while self._children:
            _, child = self._children.popitem()
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
            self._bury(child)
        while self._dead:  # who is not ours yet is when its parent is dead
            os.waitpid(self._dead.pop(), 0)


def _serve(actor: Actor, ours: socket.socket) -> None:
    calls.prctl(abi.PR_SET_PDEATHSIG, 0)  # a parent may end before its child
    actor.forked()
    ours.send(pickle.dumps(os.getpid()))
    while True:
        message, fds, _, _ = socket.recv_fds(ours, _LONGEST, 1)
        if not message:
            os._exit(0)
        op = pickle.loads(message)
        result = Result()
        if isinstance(op, list):
            ours.send(pickle.dumps(actor.peek(op)))
            continue
        if op.name == "fork":
            with socket.socket(fileno=fds[0]) as theirs:
                if os.fork() == 0:
                    ours.close()
                    _serve(actor, theirs)
        elif op.name == "exit":
            actor.unpin_all()  # a ring that is closed unpins some time later
            ours.send(pickle.dumps(result))
            os._exit(0)
        else:
            result = carry_out(actor, op)
        ours.send(pickle.dumps(result))

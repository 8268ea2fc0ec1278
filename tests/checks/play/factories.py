# SPDX-License-Identifier: GPL-2.0-only
"""Factories of executors for tests, by their import path."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

from checks.target import tasks

sizes: list[tuple[int, int]] = []
"""Bytes of each task that `counted` sent, and of what came back."""


def _another_tool(_: bytes) -> bytes:
    raise tasks.OtherToolError("the text of the tool, or its Python, is another one there")


def _kills(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


class _Instead(ProcessPoolExecutor):
    """Calls another function."""

    def __init__(self, instead: Callable[[bytes], bytes]) -> None:
        super().__init__(2)
        self._instead = instead

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        assert fn is tasks.decide
        return super().submit(self._instead, *args)


def counted() -> Any:
    """Two processes; keeps how much is sent."""

    class Counted(ProcessPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
            future = super().submit(fn, *args)
            future.add_done_callback(lambda f: sizes.append((len(args[0]), len(f.result()))))
            return future

    return Counted(2)


def of_another_tool() -> Any:
    """Its processes have another text of the tool."""
    return _Instead(_another_tool)


def dying() -> Any:
    """Its processes are killed by whatever they are sent."""
    return _Instead(_kills)


def failing() -> Any:
    """Cannot be made."""
    raise OSError("nobody answers\nat all")


def nothing() -> Any:
    """No executor."""
    return object()


def with_a_death() -> Any:
    """Dask with two workers, of which one is killed while it is at something."""
    from distributed import Client, LocalCluster

    from checks.play.dask_cluster import _Cluster

    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)
    made = _Cluster(client, cluster)
    pids = client.run(os.getpid)

    def kill() -> None:
        while True:
            at_work = [w for w, keys in sorted(client.processing().items()) if keys]
            if at_work:
                os.kill(pids[at_work[0]], signal.SIGKILL)
                sys.stderr.write("a worker was killed at work\n")
                return
            time.sleep(0.05)

    class WithADeath:
        def __init__(self) -> None:
            self._begun = False

        def submit(self, fn: Any, argument: bytes, /) -> Future[bytes]:
            future = made.submit(fn, argument)
            if not self._begun:
                self._begun = True
                future.add_done_callback(lambda _: threading.Thread(target=kill).start())
            return future

        def shutdown(self, wait: bool = True) -> None:
            made.shutdown(wait)

    return WithADeath()

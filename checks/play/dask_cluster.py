# SPDX-License-Identifier: GPL-2.0-only
"""Dask as an executor: the cluster whose address DASK_SCHEDULER_ADDRESS is, as Dask reads it, or
one of this machine, a process for each processor, which ends with the command."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future

import dask
from distributed import Client, LocalCluster


class _Cluster:
    """An executor that closes what was opened for it."""

    def __init__(self, client: Client, cluster: LocalCluster | None) -> None:
        self._client, self._cluster = client, cluster
        self._executor = client.get_executor()

    def submit(self, fn: Callable[[bytes], bytes], argument: bytes, /) -> Future[bytes]:
        """The answer, when it will be there."""
        future: Future[bytes] = self._executor.submit(fn, argument)
        return future

    def shutdown(self, wait: bool = True) -> None:
        """End what was begun here; a cluster that was there before stays."""
        self._executor.shutdown(wait)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def executor() -> _Cluster:
    """A new one; OSError where nobody answers at the address."""
    address = dask.config.get("scheduler-address", None)
    if address:
        return _Cluster(Client(address), None)
    cluster = LocalCluster(
        n_workers=len(os.sched_getaffinity(0)), threads_per_worker=1, dashboard_address=None
    )
    return _Cluster(Client(cluster), cluster)

# SPDX-License-Identifier: GPL-2.0-only
"""Tables of results that stay bounded, however long a process lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Results by key, of which those asked for last are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[object, T] = {}

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The result for a key, made now if it is not there (any more)."""
        found = self._found
        result = found.pop(key) if key in found else make()
        found[key] = result  # the last one now
        if len(found) > self._most:
            del found[next(iter(found))]
        return result

# SPDX-License-Identifier: GPL-2.0-only
"""The tables of orbits as the native explorer has them (`c/orbits.h`)."""

from __future__ import annotations

import ctypes

from ..codegen.text import TooWideError
from ..orbits import Orbits

_OWNERS, _CLASSES, _OBJECTS = 4, 8, 8
"""Bounds of `c/orbits.h`."""


class _Field(ctypes.Structure):
    _fields_ = (
        ("offset", ctypes.c_uint32), ("width", ctypes.c_uint32), ("holds", ctypes.c_int32),
        ("owners", ctypes.c_uint32), ("class_of", ctypes.c_uint32 * _OWNERS),
        ("code_of", ctypes.c_uint32 * _OWNERS), ("own", ctypes.c_uint32 * _OWNERS),
        ("ref", ctypes.c_uint64),
    )  # fmt: skip


class OrbitTables(ctypes.Structure):
    """Classes, their orders, the fields and where each goes."""

    _fields_ = (
        ("classes", ctypes.c_uint32), ("fields", ctypes.c_uint32),
        ("size", ctypes.c_uint32 * _CLASSES), ("orders", ctypes.c_uint32 * _CLASSES),
        ("order", ctypes.POINTER(ctypes.c_uint8) * _CLASSES),
        ("places", ctypes.POINTER(ctypes.c_uint16)), ("field", ctypes.POINTER(_Field)),
        ("weight", ctypes.POINTER(ctypes.c_uint64)),
    )  # fmt: skip


def orbit_tables(orbits: Orbits) -> OrbitTables:
    """The tables of some orbits.  TooWideError if they are beyond the bounds."""
    if max(orbits.sizes) > _OBJECTS or len(orbits.sizes) > _CLASSES:
        raise TooWideError(f"classes of {orbits.sizes} objects are exchanged")
    weights: list[int] = []
    fields = (_Field * len(orbits.fields))()
    for made, field in zip(fields, orbits.fields, strict=True):
        if len(field.owners) > _OWNERS:
            raise TooWideError(f"an array has {len(field.owners)} indices")
        made.offset, made.width, made.holds = field.offset, field.width, field.holds
        made.owners, made.ref = len(field.owners), field.ref
        for n, (owner, own) in enumerate(zip(field.owners, field.own, strict=True)):
            made.class_of[n], made.code_of[n] = owner
            made.own[n] = len(weights)
            weights.extend(own)
    found = OrbitTables(len(orbits.sizes), len(orbits.fields))
    for n, orders in enumerate(orbits.orders):
        found.size[n], found.orders[n] = orbits.sizes[n], len(orders)
        codes = [code for o in orders for code in (*o, *([0] * (_OBJECTS + 1 - len(o))))]
        found.order[n] = (ctypes.c_uint8 * len(codes))(*codes)
    places = [there for row in orbits.places for there in row]
    found.places = (ctypes.c_uint16 * len(places))(*places)
    found.field = fields
    found.weight = (ctypes.c_uint64 * len(weights))(*weights)
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""The modelling language: what a model's author imports."""

from .declare import effect, hardware_rule, kernel, primitive, pure, rule, static, step
from .objects import Array, Bounded, Kobject, World, ghost, hardware, kfield, lockword, record
from .order import orders
from .runtime import check, choose, current, unmodelled, wait_until

__all__ = [
    "Array", "Bounded", "Kobject", "World", "check", "choose", "current", "effect", "ghost",
    "hardware", "hardware_rule", "kernel", "kfield", "lockword", "orders", "primitive", "pure",
    "record", "rule", "static", "step", "unmodelled", "wait_until",
]  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""The native explorer, an extension that is left out where there is no C compiler.

It says which sources it was built of: in a checkout they may be newer than it is.
"""

import hashlib
from pathlib import Path

from setuptools import Extension, setup

HERE = Path("checks/engine/native/c")
SOURCES = sorted(HERE.glob("*.[ch]"))
DIGEST = hashlib.sha256(b"\0".join(path.read_bytes() for path in SOURCES)).hexdigest()[:32]

setup(
    ext_modules=[
        Extension(
            "checks.engine.native._native",
            ["checks/engine/native/c/explore.c"],
            depends=[str(path) for path in SOURCES],
            define_macros=[("SOURCES", f'"{DIGEST}"')],
            extra_compile_args=["-O2", "-std=gnu11", "-fwrapv"],
            optional=True,
        )
    ]
)

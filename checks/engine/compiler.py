# SPDX-License-Identifier: GPL-2.0-only
"""The system's C compiler, and what it made before.

What is built is kept in the user's cache directory by the content that it was built from.  A file
is named with the digest of its own content as well, so that a damaged one is seen and built again;
it appears under its name all at once, so that two runs may build it at the same time.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..userdirs import cache_directory

RUNTIME = Path(__file__).with_name("runtime")
"""The part of the C text that is the same for all systems."""

FLAGS = ("-O1", "-std=gnu11", "-fPIC", "-shared", "-fwrapv", "-w")


class NoCompilerError(Exception):
    """There is no C compiler, or it does not do what is asked of it; the text says which."""


def present() -> bool:
    """Whether there is a C compiler."""
    return shutil.which(_called()[0]) is not None


def command() -> list[str]:
    """How the compiler is called, with its flags.  NoCompilerError if there is none.

    `CC` and `CFLAGS` of the environment are honoured.
    """
    if not present():
        raise NoCompilerError(f"there is no C compiler '{_called()[0]}'")
    return [*_called(), *FLAGS, *shlex.split(os.environ.get("CFLAGS", ""))]


def _called() -> list[str]:
    return shlex.split(os.environ.get("CC", "")) or ["cc"]


def load(text: str) -> ctypes.CDLL:
    """The runtime with this generated text, built if it has to be; NoCompilerError if it fails."""
    cc = command()
    runtime = [p.read_text() for p in sorted(RUNTIME.glob("*.[ch]"))]
    key = hashlib.sha256("\0".join([*cc, _machine(), text, *runtime]).encode()).hexdigest()
    known = _kept(key)
    if known is not None:
        return ctypes.CDLL(str(known))
    with tempfile.TemporaryDirectory(prefix="check-invariants-") as name:
        made = Path(name, "explore.so")
        generated = Path(name, "generated.h")
        generated.write_text(text)
        call = [*cc, f'-DGENERATED="{generated}"', "-o", str(made), str(RUNTIME / "explore.c")]
        done = subprocess.run(call, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode or not made.exists():
            said = done.stderr.strip().splitlines() or ["nothing was said"]
            raise NoCompilerError(f"'{cc[0]}' fails: {said[0]}")
        return ctypes.CDLL(str(_keep(key, made)))  # once loaded, the file is not needed any more


def _machine() -> str:
    system = os.uname()
    return f"{system.sysname} {system.machine}"


def _kept(key: str) -> Path | None:
    try:
        for path in sorted(cache_directory().glob(f"{key[:32]}-*.so")):
            if path.name == _name(key, path):
                return path
    except OSError:
        pass  # a cache that cannot be read is none
    return None


def _keep(key: str, made: Path) -> Path:
    """Copy what was built into the cache; gives where it is, which is where it was if the cache
    cannot be written."""
    directory = cache_directory()
    path = directory / _name(key, made)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, suffix=".part", delete=False) as out:
            out.write(made.read_bytes())
        os.replace(out.name, path)
    except OSError:
        return made
    return path


def _name(key: str, path: Path) -> str:
    return f"{key[:32]}-{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}.so"

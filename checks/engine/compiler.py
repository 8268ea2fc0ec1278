# SPDX-License-Identifier: GPL-2.0-only
"""The system's C compiler, and what it made before.

What is built is kept in the user's cache directory by the content that it was built from: each
file's object, so that programs which have a file in common compile it once, and what they are
linked to.  A kept file is named with the digest of its own content as well, so that a damaged one
is seen and built again; it appears under its name all at once, so that two runs may build it at
the same time.  Another run may remove any of them at any time: those that were not used for longest
go when all take more than `MOST_BYTES`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .userdirs import cache_directory

RUNTIME = Path(__file__).with_name("runtime")
"""The part of the C text that is the same for all systems."""

FLAGS = ("-O1", "-std=gnu11", "-fPIC", "-fwrapv", "-w")

MOST_BYTES = 256 << 20
"""Bytes that kept files may take."""

_LEFT = 3600
"""Seconds after which a file that is not whole was left behind."""


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


def identity() -> str:
    """How the compiler is called, and which one it says that it is; "" if there is none."""
    return "\0".join([*command(), _version(*_called())]) if present() else ""


@functools.cache
def _version(*called: str) -> str:
    try:
        said = subprocess.run([*called, "--version"], capture_output=True, check=False).stdout
    except OSError:
        return ""
    return said.decode(errors="replace").partition("\n")[0]


def _called() -> list[str]:
    return shlex.split(os.environ.get("CC", "")) or ["cc"]


def load(texts: Sequence[str]) -> ctypes.CDLL:
    """The program of some C files, which may include what is in `RUNTIME`, built if it has to be;
    NoCompilerError if that fails."""
    cc = command()
    common = [identity(), _machine(), *(p.read_text() for p in sorted(RUNTIME.glob("*.[ch]")))]
    keys = [_digest("\0".join([*common, text]).encode()) for text in texts]
    key = _digest("".join(keys).encode())
    known = _kept(key, ".so")
    if known is not None:
        with contextlib.suppress(OSError):  # another run has removed it
            return ctypes.CDLL(str(known[0]))
    with tempfile.TemporaryDirectory(prefix="check-invariants-") as name:

        def compiled(number: int) -> Path:
            source, made = Path(name, f"{number}.c"), Path(name, f"{number}.o")
            known = _kept(keys[number], ".o")
            if known is not None:
                made.write_bytes(known[1])
            else:
                source.write_text(texts[number])
                _call([*cc, f"-I{RUNTIME}", "-c", "-o", str(made), str(source)], made)
                _keep(keys[number], made)
            return made

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            objects = list(pool.map(compiled, range(len(texts))))
        program = Path(name, "program.so")
        _call([*cc, "-shared", "-o", str(program), *map(str, objects)], program)
        kept = _keep(key, program)
        with contextlib.suppress(OSError):  # as above
            return ctypes.CDLL(str(kept))
        try:
            return ctypes.CDLL(str(program))  # once loaded, the file is not needed any more
        except OSError as error:
            raise NoCompilerError(f"what '{cc[0]}' made cannot be loaded: {error}") from error


def _call(command: Sequence[str], made: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode or not made.exists():
        said = done.stderr.strip().splitlines() or ["nothing was said"]
        raise NoCompilerError(f"'{command[0]}' fails: {said[0]}")


def _machine() -> str:
    system = os.uname()
    return f"{system.sysname} {system.machine}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


# -- what is kept ----------------------------------------------------------------------------------


def _kept(key: str, suffix: str) -> tuple[Path, bytes] | None:
    """Where a file is kept, and what is in it, if it is there and whole."""
    try:
        for path in sorted(cache_directory().glob(f"{key}-*{suffix}")):
            content = path.read_bytes()
            if path.name == _name(key, content, suffix):
                with contextlib.suppress(OSError):
                    os.utime(path)  # it was used
                return path, content
    except OSError:
        pass  # a cache that cannot be read is none
    return None


def _keep(key: str, made: Path) -> Path:
    """Copy what was built into the cache; gives where it is, which is where it was if the cache
    cannot be written."""
    directory, content = cache_directory(), made.read_bytes()
    path = directory / _name(key, content, made.suffix)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, suffix=".part", delete=False) as out:
            out.write(content)
        os.replace(out.name, path)
        _tidy(directory)
    except OSError:
        return made
    return path


def _name(key: str, content: bytes, suffix: str) -> str:
    return f"{key}-{_digest(content)}{suffix}"


def _tidy(directory: Path) -> None:
    """Remove what was not used for longest where too much is kept, and what a run that was killed
    left behind; other runs may do the same."""
    found: list[tuple[float, str, int]] = []
    for path in directory.glob("*-*.*o"):
        with contextlib.suppress(OSError):
            about = path.stat()
            found.append((about.st_mtime, path.name, about.st_size))
    found.sort()
    much = sum(size for *_, size in found) - MOST_BYTES
    for _, name, size in found[:-1]:
        if much <= 0:
            break
        (directory / name).unlink(missing_ok=True)
        much -= size
    for path in directory.glob("*.part"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _LEFT:
                path.unlink()

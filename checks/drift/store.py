# SPDX-License-Identifier: GPL-2.0-only
"""What the modelled kernel functions looked like: hashes by citation, one file for each version.

No kernel text is kept.  To make the files anew, after a model cites another function or version:

    python -m checks.drift.store TREE...

Each TREE serves the citations of its own version: a tree of 6.12.107 those of `6.12`, one of 7.3.4
those of `7.3.4`.  It may be incomplete, a Makefile and the files that matter: what it lacks keeps
the hash that is stored.  What no model cites any more is dropped.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import model
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, shown_path

from .c_definitions import definitions, fingerprint

DATA = Path(__file__).with_name("data")
"""The stored hashes, a file for each version."""

Citation = tuple[str, str]
"""``file:function`` and the version that was modelled."""

_RELEASE = re.compile(r"\d+\.\d+(?:\.\d+)?")


def is_release(version: str) -> bool:
    """Whether it is a kernel release, not a version of a posted patch."""
    return _RELEASE.fullmatch(version) is not None


def modelled() -> dict[Citation, list[str]]:
    """Where each cited kernel function is modelled, as ``file:line``, in the order of citations."""
    found: dict[Citation, set[tuple[str, int]]] = {}
    for info in pkgutil.walk_packages(model.__path__, "model."):
        module = importlib.import_module(info.name)
        for fn in vars(module).values():
            if isinstance(fn, ModelFunction) and fn.cite and fn.__module__ == info.name:
                code = fn.fn.__code__
                place = shown_path(code.co_filename), code.co_firstlineno
                found.setdefault((fn.cite, fn.version), set()).add(place)
    return {key: [f"{file}:{line}" for file, line in sorted(found[key])] for key in sorted(found)}


class Sources:
    """A kernel tree: its version, and the hashes of its functions.

    ModelError if the path is no kernel tree or a file of it cannot be read.
    """

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.version = _version(tree)
        self._texts: dict[str, str] = {}

    def hash_of(self, cite: str) -> str | None:
        """The hash of ``file:function``; None if the tree has no such file or function."""
        file, _, function = cite.partition(":")
        if file not in self._texts:
            path = self.tree / file
            self._texts[file] = _read(path) if path.is_file() else ""
        texts = definitions(self._texts[file], function)
        return fingerprint(texts) if texts else None

    def serves(self, version: str) -> bool:
        """Whether the tree is of a cited version, or a later stable release of it."""
        return f"{self.version}.".startswith(f"{version}.")


def _version(tree: Path) -> str:
    makefile = tree / "Makefile"
    if not tree.is_dir():
        raise ModelError(f"{tree} is no kernel tree", why="it is not a directory")
    if not makefile.is_file() or not (tree / "mm").is_dir():
        raise ModelError(
            f"{tree} is no kernel tree", why="it has no Makefile or no directory mm",
            instead="give the directory that the kernel's Makefile is in",
        )  # fmt: skip
    text = _read(makefile)
    parts = []
    for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"):
        match = re.search(rf"^{name} *= *(\d+) *$", text, re.MULTILINE)
        if match is None:
            raise ModelError(f"{tree} is no kernel tree", why=f"its Makefile sets no {name}")
        parts.append(match.group(1))
    return ".".join(parts)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(f"{path} cannot be read", why=error.strerror or "") from error


def stored() -> dict[Citation, str]:
    """The hash of each citation that has one."""
    found: dict[Citation, str] = {}
    for file in sorted(DATA.glob("*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        for cite, digest in data["functions"].items():
            found[cite, data["version"]] = digest
    return found


def store(trees: list[Path], folder: Path, cited: Mapping[Citation, object]) -> list[str]:
    """Write the files anew; gives the versions that are not complete."""
    old, sources = stored(), [Sources(tree) for tree in trees]
    versions = sorted({version for _, version in cited if is_release(version)})
    lacking = []
    for version in versions:
        served = [s for s in sources if s.serves(version)]
        functions = {}
        for cite in sorted(c for c, v in cited if v == version):
            digests = [d for s in served if (d := s.hash_of(cite)) is not None]
            digest = digests[0] if digests else old.get((cite, version))
            if digest is None:
                lacking.append(f"{cite} {version}")
            else:
                functions[cite] = digest
        data = {"version": version, "functions": functions}
        text = json.dumps(data, indent=1) + "\n"
        (folder / f"{version}.json").write_text(text, encoding="utf-8")
    for stale in set(folder.glob("*.json")) - {folder / f"{v}.json" for v in versions}:
        stale.unlink()
    return lacking


def main(arguments: list[str]) -> int:
    """Make the stored hashes anew; names on standard error what no tree had."""
    try:
        lacking = store([Path(a) for a in arguments], DATA, modelled())
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stderr.writelines(f"no text of {name}\n" for name in lacking)
    return 3 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: GPL-2.0-only
"""Targets: a stored patch, a file with one in it, or a user's own model."""

from __future__ import annotations

import hashlib
import importlib.util
import shlex
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from invariants.registry import REGISTRY, Invariant, apart
from model import examples
from model.lang.errors import ModelError, near, shown_path
from model.patches import FAMILIES, find_family
from model.patches.family import Family, Variant
from model.patches.own_variant import require_used, with_more

from ..mutate.played import cast_of
from ..mutate.steps import steps_of_all
from ..play.play import Play
from ..stage.stage import Role

OWN = "a model of your own"
EXAMPLES = tuple(f"example:{name}" for name in examples.EXAMPLES)


@dataclass(frozen=True)
class Side:
    """A column of the answer: a role with the word that it is called by."""

    label: str
    role: Role


@dataclass(frozen=True)
class Origin:
    """Address of a target for another process: a stored patch by name or a user's file by path,
    the version that was asked for or `posted`, the mutant.

    `text` is a digest of the user's file, and of what it imports from beside it.
    """

    patch: str
    variant: str = ""
    posted: bool = False
    mutant: str = ""
    text: str = ""


@dataclass(frozen=True)
class Target:
    """A family that is decided, with the sides that are compared, the last being the one selected.

    `own`: a user's file was read for it, which has these invariants besides those of the registry.
    `whole`: PATCH named a family, and no version of it.
    """

    family: Family
    sides: tuple[Side, ...]
    recognised: str
    origin: Origin
    own: bool = False
    invariants: tuple[Invariant, ...] = ()
    whole: bool = False

    @property
    def registry(self) -> Mapping[str, Invariant]:
        """The invariants about states and steps that are asked of it, by name."""
        return {**REGISTRY, **{i.name: i for i in self.invariants}}

    @property
    def selected(self) -> Side:
        return self.sides[-1]

    @property
    def before(self) -> Role | None:
        """The version that the selected one is compared with; None if it is that version."""
        if len(self.sides) > 1:
            return self.sides[0].role
        role = self.selected.role
        base = self.family.base(role.variant)
        if role.variant.name == base.name:
            return None
        return Role(base, source=role.source)


def _role(family: Family, variant: Variant, source: str) -> Role:
    return Role(variant, source=source, changed=family.changed(variant))


def by_name(name: str, variant: str = "") -> Target:
    """A stored patch: its before and after side, or one variant."""
    family = find_family(name)
    if variant:
        role = _role(family, family.variant(variant), name)
        return Target(family, (Side("variant", role),), "by name", Origin(name, variant))
    before, after = (_role(family, family.variant(v), name) for v in (family.before, family.after))
    sides = Side("before", before), Side("after", after)
    return Target(family, sides, "by name", Origin(name), whole=True)


def as_posted(name: str, variant: str, how: str) -> Target:
    """A stored version that was recognised in what was handed in."""
    family = find_family(name)
    posted = _role(family, family.variant(variant), name)
    before = _role(family, family.base(posted.variant), name)
    sides = Side("before", before), Side("after", posted)
    return Target(family, sides, how, Origin(name, variant, posted=True))


def one_version(target: Target, variant: Variant) -> Target:
    """A version of the family that PATCH names as a whole."""
    role = _role(target.family, variant, target.selected.role.source)
    origin = replace(target.origin, variant=variant.name)
    return replace(target, sides=(Side("variant", role),), origin=origin, whole=False)


def as_mutant(target: Target, name: str) -> Target:
    """The selected side with a mutation, of the table or of one step, beside the side without it;
    ModelError lists mutants."""
    side = target.selected
    found = {m.name: m.edits for m in target.family.mutants}
    if name not in found:
        casts = target.family.casts.default(side.role.variant.neighbours_from)
        found |= {s.name: s.edits for s in steps_of_all(side.role.variant, casts)}
    if name not in found:
        raise ModelError(f"no mutant '{name}'", instead=near(name, found))
    edited = replace(side.role, edits=found[name], mutant=name)
    origin = replace(target.origin, mutant=name)
    return replace(target, sides=(side, Side("mutant", edited)), origin=origin)


def found_again(origin: Origin) -> Target:
    """The target of an origin; its own origin is another one where a user's file has changed."""
    patch, variant = origin.patch, origin.variant
    if origin.text:
        target = own_model(patch, variant)
    elif origin.posted:
        target = as_posted(patch, variant, "")
    else:
        target = by_name(patch, variant)
    return as_mutant(target, origin.mutant) if origin.mutant else target


def own_model(path: str, variant: str = "") -> Target:
    """A file in the modelling language: a `VARIANT` of a stored patch, or a `FAMILY` of its own, of
    which one variant may be asked for."""
    with apart() as invariants:
        module = _imported(path)
    target = _of_module(path, module, variant, invariants)
    origin = Origin(path, variant, text=_digest(path))
    return replace(target, own=True, invariants=tuple(invariants), origin=origin)


def _of_module(
    path: str, module: ModuleType, variant: str, invariants: Sequence[Invariant]
) -> Target:
    own, family = getattr(module, "VARIANT", None), getattr(module, "FAMILY", None)
    if isinstance(own, Variant):
        if variant not in ("", own.name):
            raise ModelError(
                f"{path} is one variant, {own.name}, so that --variant {variant} means nothing",
                instead="leave --variant out",
            )
        stored = find_family(own.base)
        base = with_more(stored, module)
        judges = {i.fn for i in invariants}
        require_used(own, base, module, judges)
        changed = base.changed(own)
        old = Role(base.variant(own.base_variant), source=base.name, changed=changed)
        mine = Role(own, source=path, changed=changed)
        return Target(base, (Side("before", old), Side("after", mine)), OWN, Origin(path))
    if isinstance(family, Family):
        _require_mutants(family, {*REGISTRY, *(i.name for i in invariants)})
        if variant or family.before == family.after:
            one = Side("variant", _role(family, family.variant(variant or family.after), path))
            return Target(family, (one,), OWN, Origin(path), whole=not variant)
        two = (family.variant(v) for v in (family.before, family.after))
        before, after = (_role(family, version, path) for version in two)
        sides = Side("before", before), Side("after", after)
        return Target(family, sides, OWN, Origin(path), whole=True)
    raise ModelError(
        f"{path} has neither VARIANT nor FAMILY", why="one of them says what is to be decided",
        instead='end it with `VARIANT = variant_of("uffd_move_batching", "v3", __name__)`, or with '
        "`FAMILY = Family(...)` as docs/example_family.py",
    )  # fmt: skip


def _require_mutants(family: Family, known: Collection[str]) -> None:
    """ModelError for a mutant whose variant, cast or invariant there is not, but for those of a
    stored family that this one is a part of."""
    stored = {id(m) for f in FAMILIES.values() for m in f.mutants}
    for mutant in (m for m in family.mutants if id(m) not in stored):
        cast_of(family, mutant)
        for name in mutant.breaks:
            if name not in known:
                raise ModelError(
                    f"mutant '{mutant.name}' breaks '{name}', which is no invariant",
                    instead=near(name, known),
                )  # fmt: skip


_ours: set[str] = set()
"""Modules that were imported from a user's file."""

_beside: dict[str, str] = {}
"""Digests of files that a user's file imported from beside it, as they were then, by path."""


def _digest(path: str) -> str:
    """A digest of a user's file, and of what was imported from beside it."""
    text = hashlib.sha256(Path(path).read_bytes())
    here = Path(path).resolve().parent
    for file, found in sorted(_beside.items()):
        if Path(file).is_relative_to(here):
            text.update(f"{file}\0{found}\0".encode())
    return text.hexdigest()


def _note_beside(before: Collection[str], folder: Path) -> None:
    """Keep digests of the modules of a folder that were not there before."""
    for name in sys.modules.keys() - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).is_relative_to(folder):
            _beside[file] = hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _imported(path: str) -> ModuleType:
    file = Path(path)
    name = file.stem.replace("-", "_")
    if not name.isidentifier() or (name in sys.modules and name not in _ours):
        raise ModelError(f"'{file.name}' cannot be imported by its name", instead="rename the file")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModelError(f"'{path}' is no Python file", instead="give it a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _ours.add(name)
    known, folder = set(sys.modules), file.resolve().parent
    beside = str(folder)
    sys.path.insert(0, beside)  # what stands beside the file may be imported
    try:
        spec.loader.exec_module(module)
    except ModelError:
        raise
    except SyntaxError as error:
        place = "" if error.lineno is None else f":{error.lineno}:{error.offset}"
        where = shown_path(path) + place
        raise ModelError("not Python", where=where, why=str(error.msg)) from error
    except (Exception, SystemExit) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        where = f"{shown_path(path)}:{frames[-1].lineno}:0" if frames else shown_path(path)
        raise ModelError(
            "the file cannot be run", where=where, why=f"{type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(beside)
    _note_beside(known, folder)
    return module


def command_of(play: Play, invariant: str) -> str:
    """The command that asks one invariant of one play."""
    role = play.role
    words = ["check-invariants", role.source, "--variant", role.variant.name]
    words += ["--mutant", role.mutant] if role.mutant else []
    words += ["--arch", play.arch, "--invariant", invariant, "--scenario", play.cast.name]
    return shlex.join(words)


def is_name(text: str) -> bool:
    """True if PATCH is a name rather than a file: it names a patch, or nothing like a file."""
    return text in FAMILIES or not (
        text == "-" or "/" in text or Path(text).exists() or "." in text
    )


def no_such_patch(name: str) -> ModelError:
    """The error for a name that is neither a patch nor a file."""
    if name in EXAMPLES:
        return ModelError(
            f"'{name}' is an example", why="this is asked of patches",
            instead=f"known: {', '.join(FAMILIES)}",
        )  # fmt: skip
    return ModelError(f"no patch and no file '{name}'", instead=near(name, [*FAMILIES, *EXAMPLES]))

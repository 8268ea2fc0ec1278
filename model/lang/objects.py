# SPDX-License-Identifier: GPL-2.0-only
"""Kernel objects, declared once: typed fields, a line of documentation each, the lock of each.

    class Folio(Kobject):
        "A struct folio of one page."
        refcount: int = kfield(0, "folio->_refcount", hi=7)
        index: Addr = kfield(doc="folio->index", lock="locked")

The same classes serve both ways to run a model.  For plain execution they are ordinary objects
whose assignments are checked; for the front end a `World` of them is the finite universe, and
each field that is not constant is a state variable with one element per object.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform

from . import runtime
from .errors import ModelError, near
from .ir import Storage, Variable
from .sorts import BOOL, Bool, Enum, Int, Rec, Ref, Set, Sort

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T", bound="Kobject")


class Bounded:
    """Marks an `Annotated` int whose range each world gives under this name."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[V]) -> type[V]:
    """A value made of fields, like a page-table entry; immutable, compared field by field."""
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


class Array(Generic[K, V]):
    """The value of a field that has one element for each key (an object or a bounded int)."""

    def __init__(self, owner: Kobject, spec: Field) -> None:
        self._owner, self._spec = owner, spec
        self._values: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        if not runtime.watched:
            return self.peek(key)
        runtime.observer().reads(self._owner, self._spec.name, key)
        runtime.touch(self._owner, self._spec.name, write=False)
        value = self.peek(key)
        runtime.touched(self._owner, self._spec.name, write=False)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        if not runtime.watched:
            self._values[key] = value
            return
        runtime.touch(self._owner, self._spec.name, write=True)
        self._values[key] = value
        runtime.touched(self._owner, self._spec.name, write=True)

    def peek(self, key: K) -> V:
        """The element, without its being an access of the routine that runs."""
        default: V = self._spec.default
        return self._values.get(key, default)


_UNKNOWN = object()


class Field:
    """One declared field; also the descriptor that plain execution goes through."""

    def __init__(
        self,
        default: Any,
        doc: str,
        *,
        const: bool,
        storage: Storage,
        lock: str,
        lo: int,
        hi: int | None,
    ) -> None:
        self.default, self.doc, self.const, self.storage = default, doc, const, storage
        self.lock, self.lo, self.hi = lock, lo, hi
        self.name, self.annotation, self.owner = "", "", Kobject
        self._keys: Any = _UNKNOWN

    def __set_name__(self, owner: type[Kobject], name: str) -> None:
        self.owner, self.name = owner, name

    def hint(self) -> Any:
        """The annotation, resolved."""
        return _hints(self.owner)[self.name]

    @property
    def variable(self) -> str:
        return f"{self.owner.__name__}.{self.name}"

    def keys(self) -> Any:
        """The annotation of an array's key, or None for a plain field."""
        if self._keys is _UNKNOWN:
            hint = self.hint()
            self._keys = typing.get_args(hint)[0] if typing.get_origin(hint) is Array else None
        return self._keys

    def element(self) -> Any:
        hint = self.hint()
        return typing.get_args(hint)[1] if typing.get_origin(hint) is Array else hint

    def __get__(self, obj: Kobject | None, _cls: type[Kobject] | None = None) -> Any:
        if obj is None:
            return self
        if not runtime.watched or self.const or self.keys() is not None:
            return obj.__dict__[self.name]
        runtime.observer().reads(obj, self.name, None)
        runtime.touch(obj, self.name, write=False)
        value = obj.__dict__[self.name]
        runtime.touched(obj, self.name, write=False)
        return value

    def __set__(self, obj: Kobject, value: Any) -> None:
        if self.const:
            raise ModelError(
                f"{self.variable} is constant",
                why="it is declared so, and the front end takes its value when it compiles",
                instead="declare it without const=True",
            )
        if not runtime.watched:
            obj.__dict__[self.name] = value
            return
        runtime.touch(obj, self.name, write=True)
        obj.__dict__[self.name] = value
        runtime.touched(obj, self.name, write=True)


_hint_cache: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _hint_cache:
        _hint_cache[cls] = typing.get_type_hints(cls, include_extras=True)
    return _hint_cache[cls]


def kfield(
    default: Any = None,
    doc: str = "",
    *,
    const: bool = False,
    lock: str = "",
    lo: int = 0,
    hi: int | None = None,
) -> Any:
    """A field of memory.

    `doc` is what it is in the kernel.  `const`: never written after the world is made.  `lock`:
    a path from the object to the lock that its writers hold ("table.ptl"), "" for none.  `lo`
    and `hi` bound an int.
    """
    return Field(default, doc, const=const, storage=Storage.MEMORY, lock=lock, lo=lo, hi=hi)


def lockword(default: Any = None, doc: str = "", *, hi: int | None = None) -> Any:
    """A field that is (part of) a lock."""
    return Field(default, doc, const=False, storage=Storage.LOCK, lock="", lo=0, hi=hi)


def hardware(default: Any = None, doc: str = "", *, lo: int = 0, hi: int | None = None) -> Any:
    """A field of a CPU: no guard of software may read it."""
    return Field(default, doc, const=False, storage=Storage.HARDWARE, lock="", lo=lo, hi=hi)


def ghost(default: Any = None, doc: str = "", *, lo: int = 0, hi: int | None = None) -> Any:
    """A field that only invariants read."""
    return Field(default, doc, const=False, storage=Storage.GHOST, lock="", lo=lo, hi=hi)


class Kobject:
    """Base of the declared classes.  Made by `World.new`, named for traces."""

    fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        own = {n: f for n, f in vars(cls).items() if isinstance(f, Field)}
        cls.fields = {**cls.fields, **own}

    def __init__(self, world: World, name: str, values: dict[str, Any]) -> None:
        self.world, self.name = world, name
        for key in values:
            if key not in self.fields:
                raise ModelError(
                    f"{type(self).__name__} has no field '{key}'", instead=near(key, self.fields)
                )
        for key, spec in self.fields.items():
            if spec.keys() is not None and not spec.const:
                array: Array[Any, Any] = Array(self, spec)
                array._values.update(values.get(key, {}))
                self.__dict__[key] = array
            else:
                self.__dict__[key] = values.get(key, spec.default)

    def __repr__(self) -> str:
        return self.name


class World:
    """A finite universe of objects: what a cast creates, and what sorts are relative to.

    `bounds` gives the range of each `Bounded` int.  `constants` are those looked up so far of an
    object that is not known: by field and object, what the front end makes of them.
    """

    def __init__(self, **bounds: Int) -> None:
        self.bounds = bounds
        self._objects: dict[type[Kobject], list[Kobject]] = {}
        self._kinds: dict[str, type[Kobject]] = {}
        self._sorts: dict[Any, Sort] = {}
        self._field_sorts: dict[Field, Sort] = {}
        self._hints: dict[Sort, Any] = {}
        self.constants: dict[tuple[Field, Any], Any] = {}

    def new(self, cls: type[T], name: str, **values: Any) -> T:
        """Create an object; all objects come before the first sort is asked for."""
        made = cls(self, name, values)
        self._objects.setdefault(cls, []).append(made)
        return made

    def all(self, cls: type[T]) -> tuple[T, ...]:
        return tuple(typing.cast("list[T]", self._objects.get(cls, [])))

    def kinds(self) -> Iterable[type[Kobject]]:
        """The classes that there are objects of."""
        return self._objects.keys()

    def kind(self, name: str) -> type[Kobject]:
        """The class of that name that there are objects of; KeyError if there is none."""
        if name not in self._kinds:
            self._kinds.update({kind.__name__: kind for kind in reversed(self._objects)})
        return self._kinds[name]

    def everything(self) -> Iterator[Kobject]:
        for group in self._objects.values():
            yield from group

    # -- sorts -------------------------------------------------------------------------------------

    def ref(self, cls: type[Kobject]) -> Ref:
        sort = self.sort(cls)
        assert isinstance(sort, Ref)
        return sort

    def sort(self, hint: Any, *, lo: int = 0, hi: int | None = None) -> Sort:
        """The sort that a type annotation means in this world.

        A plain int takes its range from `lo` and `hi`; TypeError where there is none or the
        annotation is not of the modelling language.
        """
        if hint is int and hi is not None:
            return Int(lo, hi)
        if hint not in self._sorts:
            made = self._sorts[hint] = self._make_sort(hint)
            self._hints.setdefault(made, hint)
        return self._sorts[hint]

    def hint(self, sort: Sort) -> Any:
        """The annotation that a sort was made from."""
        return self._hints[sort]

    def hints_by_sort(self) -> dict[Sort, Any]:
        """The annotations that sorts were made from."""
        return self._hints

    def _make_sort(self, hint: Any) -> Sort:
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if hint is bool:
            return BOOL
        if origin is typing.Annotated:
            marks = [a for a in args[1:] if isinstance(a, Bounded)]
            if marks and marks[0].name in self.bounds:
                return self.bounds[marks[0].name]
            return self.sort(args[0])
        if origin in (typing.Union, types.UnionType) and type(None) in args and len(args) == 2:
            inner = self.sort(args[0] if args[1] is type(None) else args[1])
            if isinstance(inner, Ref):
                return dataclasses.replace(inner, nullable=True)
        if origin is frozenset:
            return Set(self.sort(args[0]))
        if isinstance(hint, type):
            if issubclass(hint, enum.Enum):
                return Enum(hint.__name__, tuple(hint.__members__))
            if issubclass(hint, Kobject):
                return Ref(hint.__name__, tuple(o.name for o in self.all(hint)))
            if dataclasses.is_dataclass(hint):
                inner_hints = _hints(hint)
                names = [f.name for f in dataclasses.fields(hint)]
                return Rec(hint.__name__, tuple((n, self.sort(inner_hints[n])) for n in names))
        raise TypeError(f"{hint!r} is not a finite type of the modelling language")

    def field_sort(self, spec: Field) -> Sort:
        """The sort of a field, or of an element of an array field."""
        found = self._field_sorts.get(spec)
        if found is None:
            found = self.sort(spec.element(), lo=spec.lo, hi=spec.hi)
            self._field_sorts[spec] = found
        return found

    # -- values ------------------------------------------------------------------------------------

    def encode(self, value: Any, sort: Sort) -> int:
        """The value that expressions compute with (see `expr`) for a Python value."""
        if isinstance(sort, Int) and not sort.lo <= value <= sort.hi:
            raise ValueError(f"{value} is not in {sort.lo}..{sort.hi}")
        if isinstance(sort, Bool | Int):
            return int(value)
        if isinstance(sort, Ref) and value is None and not sort.nullable:
            raise ValueError(f"a {sort.cls} may not be None")
        if isinstance(sort, Enum):
            return sort.members.index(value.name)
        if isinstance(sort, Ref):
            return 0 if value is None else sort.objects.index(value.name) + 1
        if isinstance(sort, Rec):
            code = 0
            for name, inner in sort.fields:
                shift, _ = sort.field(name)
                code |= self.encode(getattr(value, name), inner) - inner.lowest << shift
            return code
        assert isinstance(sort, Set)
        return sum(1 << self.encode(v, sort.elem) - sort.elem.lowest for v in value)

    def decode(self, value: int, hint: Any) -> Any:
        """The Python value of a number, given the annotation of what holds it."""
        sort = self.sort(hint) if hint is not int else Int(0, 0)
        if isinstance(sort, Bool):
            return bool(value)
        if isinstance(sort, Int):
            return value
        if isinstance(sort, Ref):
            return None if value == 0 else self.by_name(sort.cls, sort.objects[value - 1])
        if isinstance(sort, Enum):
            return hint[sort.members[value]]
        if isinstance(sort, Rec):
            parts = sort.parts(value)
            inner = _hints(hint)
            return hint(**{n: self.decode(parts[n] + s.lowest, inner[n]) for n, s in sort.fields})
        assert isinstance(sort, Set)
        elem = typing.get_args(hint)[0]
        codes = [c for c in sort.elem.codes() if value >> c & 1]
        return frozenset(self.decode(c + sort.elem.lowest, elem) for c in codes)

    def by_name(self, cls: str, name: str) -> Kobject:
        for kind, group in self._objects.items():
            if kind.__name__ == cls:
                for o in group:
                    if o.name == name:
                        return o
        raise KeyError(f"{cls} {name}")

    # -- state variables ---------------------------------------------------------------------------

    def specs(self) -> Iterator[tuple[type[Kobject], Field]]:
        """Every field that is not constant, with its class."""
        for cls in self._objects:
            for spec in cls.fields.values():
                if not spec.const:
                    yield cls, spec

    def variables(self) -> tuple[Variable, ...]:
        found = []
        for cls, spec in self.specs():
            dims: tuple[Sort, ...] = (self.ref(cls),)
            if spec.keys() is not None:
                dims += (self.sort(spec.keys()),)
            name = f"{cls.__name__}.{spec.name}"
            found.append(Variable(name, dims, self.field_sort(spec), spec.storage, spec.doc))
        return tuple(found)

    def snapshot(self) -> Snapshot:
        """The value of every element of every state variable, as the objects hold it now."""
        values: Snapshot = {}
        for cls, spec in self.specs():
            sort = self.field_sort(spec)
            name = f"{cls.__name__}.{spec.name}"
            for at, obj in enumerate(self.all(cls), 1):
                held = obj.__dict__[spec.name]
                if isinstance(held, Array):
                    key_sort = self.sort(spec.keys())
                    for code in key_sort.codes():
                        key = self.decode(code + key_sort.lowest, spec.keys())
                        index = (at, code + key_sort.lowest)
                        values[name, index] = self._held(held.peek(key), sort, obj, spec)
                else:
                    values[name, (at,)] = self._held(held, sort, obj, spec)
        return values

    def _held(self, value: Any, sort: Sort, obj: Kobject, spec: Field) -> int:
        """The value of a field as `encode` gives it; ModelError if it is none of its sort."""
        try:
            return self.encode(value, sort)
        except ValueError as error:
            raise ModelError(
                f"{obj.name}.{spec.name} holds what it cannot", why=str(error),
                instead="set it to another value, or declare the field otherwise",
            ) from error  # fmt: skip

    def restore(self, values: Snapshot) -> None:
        """Put back what `snapshot` gave, or some of it."""
        declared = {f"{cls.__name__}.{spec.name}": (cls, spec) for cls, spec in self.specs()}
        for (name, (at, *keys)), value in values.items():
            cls, spec = declared[name]
            obj, decoded = self.all(cls)[at - 1], self.decode(value, spec.element())
            if keys:
                obj.__dict__[spec.name]._values[self.decode(keys[0], spec.keys())] = decoded
            else:
                obj.__dict__[spec.name] = decoded


Snapshot = dict[tuple[str, tuple[int, ...]], int]
"""Values of state variables: the encoded value of each element, by variable and index."""

Initial = Callable[[Any], None]
"""A function that puts a world into its initial state, in plain Python."""

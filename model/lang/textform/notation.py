# SPDX-License-Identifier: GPL-2.0-only
"""How sorts and expressions are written, for the text form of a system (`text`).

A sort that has parts (an enum, a reference, a record, an int with names) is declared on a line
and then known by name; others are written where they stand:

    bool   -2..5   {Pte}

Expressions are prefix forms.  A local is `%name`, a cell `Pte.val[src+0]`, a constant its
name or number; where the sort is not plain from the place, it follows after a colon:

    (and (eq SpinLock.owner[ptl] None) (lt %i 3) (has %seen T0:Thread))

Nodes are read back as they were written and never simplified, since what a pass made need not
be what building it anew would give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .. import expr as ex
from ..errors import near
from ..expr import Apply, Cell, Const, Expr, Local
from ..sorts import BOOL, Bool, Enum, Int, Rec, Ref, Set, Sort, join
from .words import NUMBER, Form, Line, Word, quoted

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_BOOLEAN = frozenset({"not", "and", "or", "eq", "lt", "has"})
_ARITY = {"not": 1, "eq": 2, "lt": 2, "has": 2, "ite": 3, "add": 2, "sub": 2, "union": 2,
          "inter": 2, "diff": 2}  # fmt: skip


# -- sorts --------------------------------------------------------------------------------------


@dataclass
class SortNames:
    """Names for the sorts of a system, in the order in which they are first needed."""

    names: dict[Sort, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def name(self, sort: Sort) -> str:
        if isinstance(sort, Bool):
            return "bool"
        if isinstance(sort, Int) and not sort.names:
            return f"{sort.lo}..{sort.hi}"
        if isinstance(sort, Set):
            return "{" + self.name(sort.elem) + "}"
        if sort not in self.names:
            definition = self._define(sort)
            name = self.names[sort] = self._unused(_call(sort))
            self.lines.append(f"sort {name} {definition}")
        return self.names[sort]

    def _unused(self, wish: str) -> str:
        wish = re.sub(r"[^A-Za-z0-9_.?]", "_", wish) or "None"
        taken, name, n = set(self.names.values()), wish, 1
        while name in taken or name == "bool":
            n += 1
            name = f"{wish}'{n}"
        return name

    def _define(self, sort: Sort) -> str:
        if isinstance(sort, Int):
            return f"int {sort.lo} {sort.hi} {_names(sort.names)}"
        if isinstance(sort, Enum):
            return f"enum {quoted(sort.name)} {_names(sort.members)}"
        if isinstance(sort, Ref):
            kind = "nullable" if sort.nullable else "ref"
            return f"{kind} {quoted(sort.cls)} {_names(sort.objects)}"
        assert isinstance(sort, Rec), sort
        fields = " ".join(f"({quoted(n)} {self.name(s)})" for n, s in sort.fields)
        return f"rec {quoted(sort.name)} {fields}"


def _call(sort: Sort) -> str:
    """What a sort would like to be called."""
    if isinstance(sort, Ref):
        return sort.cls + ("?" if sort.nullable and sort.cls else "")
    return sort.name if isinstance(sort, Enum | Rec) else "named"


def _names(names: tuple[str, ...]) -> str:
    return " ".join(map(quoted, names))


class SortTable:
    """The sorts of a text by name."""

    def __init__(self) -> None:
        self._known: dict[str, Sort] = {"bool": BOOL}

    def define(self, line: Line, forms: list[Form]) -> None:
        """A ``sort`` line, without its first word."""
        if len(forms) < 2:
            line.fail("a sort needs a name and a kind")
        name, kind, rest = line.word(forms[0]), line.word(forms[1]), forms[2:]
        if name in self._known:
            line.fail(f"the sort '{name}' is declared twice")
        self._known[name] = self._make(line, kind, rest)

    def _make(self, line: Line, kind: str, rest: list[Form]) -> Sort:
        if kind == "int" and len(rest) >= 2:
            lo, hi = line.number(rest[0]), line.number(rest[1])
            return Int(lo, hi, tuple(map(line.word, rest[2:])))
        if kind in ("enum", "ref", "nullable") and rest:
            first, *others = map(line.word, rest)
            if kind == "enum":
                return Enum(first, tuple(others))
            return Ref(first, tuple(others), kind == "nullable")
        if kind == "rec" and rest:
            fields = [line.group(f) for f in rest[1:]]
            if any(len(f) != 2 for f in fields):
                line.fail("a field is a name and a sort")
            return Rec(
                line.word(rest[0]),
                tuple((line.word(f[0]), self.sort(line, line.word(f[1]))) for f in fields),
            )
        return line.fail(
            f"'{kind}' is no kind of sort", "int, enum, ref, nullable or rec, and its parts"
        )

    def sort(self, line: Line, name: str) -> Sort:
        """The sort of a name, of a range or of a set."""
        found = _RANGE.fullmatch(name)
        if found:
            return Int(int(found[1]), int(found[2]))
        if name.startswith("{") and name.endswith("}"):
            return Set(self.sort(line, name[1:-1]))
        if name not in self._known:
            line.fail(f"the sort '{name}' is not declared", near(name, self._known))
        return self._known[name]


# -- expressions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scope:
    """What names mean: variables with the sorts of index and element, locals with theirs."""

    variables: dict[str, tuple[tuple[Sort, ...], Sort]]
    locals: dict[str, Sort]


def _guess(sort: Sort) -> Sort | None:
    """The sort of a bare constant where one of `sort` goes: an int is rather a range of one."""
    return None if isinstance(sort, Int) else sort


class Writer:
    """Writes expressions of one scope."""

    def __init__(self, names: SortNames, scope: Scope) -> None:
        self._names, self._scope = names, scope

    def expr(self, e: Expr, likely: Sort | None = None) -> str:
        """`likely` is the sort that the reader expects here of a constant."""
        if isinstance(e, Const):
            return self._const(e, likely)
        if isinstance(e, Local):
            known = self._scope.locals.get(e.name) == e.sort
            return f"%{quoted(e.name)}" + ("" if known else f":{self._names.name(e.sort)}")
        if isinstance(e, Cell):
            return self._cell(e)
        assert isinstance(e, Apply)
        parts = [self.expr(a, s) for a, s in zip(e.args, _likely_args(e, likely), strict=True)]
        return "(" + " ".join([self._head(e), *parts]) + ")"

    def _const(self, e: Const, likely: Sort | None) -> str:
        if e is ex.TRUE or e is ex.FALSE:
            return "true" if e.value else "false"
        text = _constant(e)
        if e.sort == (likely or Int(e.value, e.value)):
            return text
        return f"{text}:{self._names.name(e.sort)}"

    def _cell(self, e: Cell) -> str:
        dims, sort = self._scope.variables.get(e.var, ((), None))
        if len(dims) != len(e.index):
            dims = (BOOL,) * len(e.index)
        index = " ".join(self.expr(i, _guess(d)) for i, d in zip(e.index, dims, strict=True))
        mark = "" if sort == e.sort else f":{self._names.name(e.sort)}"
        return f"{quoted(e.var)}{mark}[{index}]"

    def _head(self, e: Apply) -> str:
        own = self._names.name(e.sort)
        if e.name in ("record", "single", "narrow"):
            return f"{e.name} {own}"
        if e.name == "table":
            values, ranges = e.data
            spans = " ".join(f"({low} {size})" for low, size in ranges)
            return f"table {own} ({' '.join(map(str, values))}) ({spans})"
        mark = "" if _derived(e.name, e.args, e.data) == e.sort else f":{own}"
        return f"get{mark} {quoted(e.data)}" if e.name == "get" else e.name + mark


def _constant(e: Const) -> str:
    """A constant by name, or by number where it has none."""
    if isinstance(e.sort, Int):
        return str(e.value)
    if isinstance(e.sort, Ref) and e.value == 0:
        return "None" if "None" not in e.sort.objects else "#0"
    names = {Enum: "members", Ref: "objects"}.get(type(e.sort))
    if names is not None:
        known: tuple[str, ...] = getattr(e.sort, names)
        at = e.value - isinstance(e.sort, Ref)
        if 0 <= at < len(known) and known.count(known[at]) == 1:
            return quoted(known[at])
    return f"#{e.value}"


def _derived(name: str, args: tuple[Expr, ...], data: object) -> Sort | None:
    """The sort that an operation gets when it is built, if that is plain from its arguments."""
    if name in _BOOLEAN:
        return BOOL
    sorts = [a.sort for a in args]
    if name == "ite":
        return join(sorts[1], sorts[2])
    if name in ("union", "inter", "diff"):
        return sorts[0]
    if name == "get" and isinstance(sorts[0], Rec):
        return dict(sorts[0].fields).get(str(data))
    if name in ("add", "sub") and isinstance(sorts[0], Int) and isinstance(sorts[1], Int):
        one, two = sorts[0], sorts[1]
        sign = 1 if name == "add" else -1
        ends = sorted(x + sign * y for x in (one.lo, one.hi) for y in (two.lo, two.hi))
        return Int(ends[0], ends[-1])
    return None


def _likely_args(e: Apply, likely: Sort | None) -> Iterator[Sort | None]:
    """What sorts of constants the arguments may be expected to be."""
    for n in range(len(e.args)):
        first = None if n == 0 else e.args[0].sort
        yield _likely(e.name, n, first, e.sort, likely)


def _likely(
    name: str, n: int, first: Sort | None, own: Sort | None, likely: Sort | None
) -> Sort | None:
    """The same, from what a reader knows before argument `n`: the sort of the first one."""
    if name == "ite" and n:
        return likely
    if name in ("eq", "union", "inter", "diff") and n:
        return first
    if name == "has" and n and isinstance(first, Set):
        return _guess(first.elem)
    if name == "single" and isinstance(own, Set):
        return _guess(own.elem)
    if name == "record" and isinstance(own, Rec) and n < len(own.fields):
        return _guess(own.fields[n][1])
    return None


class Reader:
    """Reads expressions of one scope."""

    def __init__(self, sorts: SortTable, scope: Scope, line: Line) -> None:
        self._sorts, self._scope, self._line = sorts, scope, line

    def expr(self, form: Form, likely: Sort | None = None) -> Expr:
        if isinstance(form, list):
            return self._operation(form, likely)
        if form.index is not None:
            return self._cell(form, form.index)
        sort = self._sorts.sort(self._line, form.sort) if form.sort else None
        if form.local:
            sort = sort or self._scope.locals.get(form.text)
            if sort is None:
                self._line.fail(
                    f"the local '{form.text}' is not declared",
                    near(form.text, self._scope.locals),
                )
            return ex.local(form.text, sort)
        return self._constant(form, sort or likely)

    def _constant(self, form: Word, sort: Sort | None) -> Const:
        text = form.text
        if not form.quoted and not form.sort and text in ("true", "false"):
            return ex.boolean(text == "true")
        if not form.quoted and NUMBER.fullmatch(text):
            return ex.const(int(text), sort or Int(int(text), int(text)))
        if sort is None:
            self._line.fail(f"the sort of '{text}' is not known", f"write {quoted(text)}:SORT")
        if not form.quoted and NUMBER.fullmatch(text.removeprefix("#")):
            return ex.const(int(text[1:]), sort)
        if isinstance(sort, Ref):
            if text == "None" and "None" not in sort.objects:
                return ex.const(0, sort)
            if text in sort.objects:
                return ex.const(sort.objects.index(text) + 1, sort)
        if isinstance(sort, Enum) and text in sort.members:
            return ex.const(sort.members.index(text), sort)
        known = getattr(sort, "objects", getattr(sort, "members", ()))
        return self._line.fail(f"'{text}' is not of its sort", near(text, known))

    def _cell(self, form: Word, index: list[Form]) -> Expr:
        dims, sort = self._scope.variables.get(form.text, ((), None))
        if form.sort:
            sort = self._sorts.sort(self._line, form.sort)
        if sort is None:
            self._line.fail(
                f"the variable '{form.text}' is not declared",
                near(form.text, self._scope.variables),
            )
        if len(dims) != len(index):
            dims = (BOOL,) * len(index)
        parts = tuple(self.expr(i, _guess(d)) for i, d in zip(index, dims, strict=True))
        return ex.cell(form.text, parts, sort)

    def _operation(self, forms: list[Form], likely: Sort | None) -> Expr:
        line = self._line
        head = forms[0] if forms else None
        if not isinstance(head, Word) or head.index is not None:
            line.fail("an operation begins with its name")
        name, rest = head.text, forms[1:]
        own = self._sorts.sort(line, head.sort) if head.sort else None
        data: object = None
        if name in ("record", "single", "narrow", "table", "get") and not rest:
            line.fail(f"'{name}' of nothing")
        if name in ("record", "single", "narrow", "table"):
            own = self._sorts.sort(line, line.word(rest.pop(0)))
        if name == "table":
            if len(rest) < 3:
                line.fail("a table is values, ranges and an index")
            values = tuple(map(line.number, line.group(rest.pop(0))))
            spans = [tuple(map(line.number, line.group(f))) for f in line.group(rest.pop(0))]
            data = (values, tuple(spans))
        if name == "get":
            data = line.word(rest.pop(0))
        elif name not in _ARITY and name not in ("and", "or") and own is None:
            line.fail(f"'{name}' is no operation", near(name, [*_ARITY, "and", "or", "get"]))
        if len(rest) != _ARITY.get(name, len(rest)) or not rest:
            line.fail(f"'{name}' does not take {len(rest)} arguments")
        args: list[Expr] = []
        for n, form in enumerate(rest):
            first = args[0].sort if args else None
            args.append(self.expr(form, _likely(name, n, first, own, likely)))
        sort = own or _derived(name, tuple(args), data)
        if sort is None:
            line.fail(f"the sort of this '{name}' is not known")
        return ex.exactly(name, tuple(args), sort, data)

"""The language of catalogues: filters over the columns of a table, formulas over counters and KPIs.

    100 * dns_flows / flows        if(flows >= 10, rtt_client_p95_ms, null)        min(a, b) + max(0, c)
    service == 'dns' and bytes_up + bytes_down > 1000        outcome in ('failure', 'timeout')        cell is not null

Numbers, texts in quotes, names, + - * /, == != < <= > >=, and, or, not, in, is null, is not null, parentheses, and the
functions in FUNCTIONS. Whatever meets a null is null, a division by zero is null; only `is null`, `or` with a true
side, `and` with a false side, and `coalesce` tell otherwise. A filter takes the rows for which it is true: not those
for which it is null. In it texts are compared with columns alone; in arithmetic times count as milliseconds since 1970.
Nothing of it is executed as Python.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from formats.kpi import Condition, Where

__all__ = [
    "COMPARISONS",
    "FUNCTIONS",
    "LAGS",
    "Mistake",
    "Node",
    "check_formula",
    "looks_back",
    "names_of",
    "parse",
    "where",
    "written",
]

LAGS = ("previous", "day_ago", "week_ago")
"""Functions of a counter or KPI: its value in the window before, and in the same window a day or a week before."""
FUNCTIONS = {"if": (3, 3), "min": (2, 8), "max": (2, 8), "abs": (1, 1), "coalesce": (2, 8), "quantile": (2, 2),
             **dict.fromkeys(LAGS, (1, 1))}  # fmt: skip
"""Name, and how many arguments at least and at most. `quantile(values, 0.95)` stands for itself alone."""
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
DEEPEST, LONGEST, MOST_ALTERNATIVES = 60, 20_000, 256

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<sign>==|!=|<=|>=|[-+*/()<>,]))"
)
_WORDS = {"and", "or", "not", "in", "is", "null", "true", "false"}


class Mistake(ValueError):
    """What is wrong with an expression, in words."""


class Node(NamedTuple):
    """A piece of an expression. kind: number, text, name, null, call, or the sign or word of an operator."""

    kind: str
    value: float | str | None
    parts: tuple["Node", ...]


class _Reader:
    """Reads one expression, a token at a time."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        if len(text) > LONGEST:
            raise Mistake(f"longer than {LONGEST:,} characters")
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                here = len(text) - len(text[at:].lstrip())
                raise Mistake(f"{text[here]!r} at character {here + 1} of {text!r} means nothing here")
            kind = str(found.lastgroup)
            word = found.group(kind)
            self.tokens.append(("word" if kind == "name" and word in _WORDS else kind, word, found.start(kind) + 1))
            at = found.end()

    def peek(self, *words: str) -> bool:
        """Whether the next token is one of these signs or words."""
        return self.at < len(self.tokens) and self.tokens[self.at][0] in ("sign", "word") and (
            self.tokens[self.at][1] in words
        )  # fmt: skip

    def take(self, *words: str) -> str:
        """The next token if it is one of these, else ""."""
        if not self.peek(*words):
            return ""
        self.at += 1
        return self.tokens[self.at - 1][1]

    def wanted(self, what: str) -> NoReturn:
        """The next token is not what must stand there."""
        if self.at < len(self.tokens):
            _, word, place = self.tokens[self.at]
            raise Mistake(f"{what} expected, found {word!r} at character {place} of {self.text!r}")
        raise Mistake(f"{what} expected at the end of {self.text!r}")

    def need(self, word: str) -> None:
        """The next token must be this one."""
        if not self.take(word):
            self.wanted(f"{word!r}")

    def either(self) -> Node:
        """One side of `or`, or several."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Mistake(f"more than {DEEPEST} parentheses within each other in {self.text[:60]!r}...")
        left = self._both()
        while self.take("or"):
            left = Node("or", None, (left, self._both()))
        self.depth -= 1
        return left

    def _both(self) -> Node:
        left = self._not()
        while self.take("and"):
            left = Node("and", None, (left, self._not()))
        return left

    def _not(self) -> Node:
        nots = 0
        while self.take("not"):
            nots += 1
        inner = self._compared()
        return Node("not", None, (inner,)) if nots % 2 else inner

    def _compared(self) -> Node:
        left = self._sum()
        if sign := self.take(*COMPARISONS):
            return Node(sign, None, (left, self._sum()))
        if self.take("is"):
            kind = "not_null" if self.take("not") else "is_null"
            self.need("null")
            return Node(kind, None, (left,))
        negated = bool(self.take("not"))
        if negated and not self.peek("in"):
            self.wanted("'in'")
        if self.take("in"):
            self.need("(")
            values = [self._sum()]
            while self.take(","):
                values.append(self._sum())
            self.need(")")
            return Node("not_in" if negated else "in", None, (left, *values))
        return left

    def _sum(self) -> Node:
        left = self._product()
        while sign := self.take("+", "-"):
            left = Node(sign, None, (left, self._product()))
        return left

    def _product(self) -> Node:
        left = self._factor()
        while sign := self.take("*", "/"):
            left = Node(sign, None, (left, self._factor()))
        return left

    def _factor(self) -> Node:
        minus = 0
        while self.take("-"):
            minus += 1
        value = self._value()
        if minus % 2:
            negative = value.kind == "number" and isinstance(value.value, float)
            return Node("number", -float(value.value or 0), ()) if negative else Node("-", None, (_ZERO, value))
        return value

    def _value(self) -> Node:
        if self.take("("):
            inner = self.either()
            self.need(")")
            return inner
        if word := self.take("null", "true", "false"):
            return _NULL if word == "null" else Node("number", float(word == "true"), ())
        if self.at >= len(self.tokens) or self.tokens[self.at][0] in ("sign", "word"):
            self.wanted("a value")
        kind, word, _ = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return Node("number", float(word), ())
        if kind == "text":
            return Node("text", word[1:-1], ())
        return self._call(word) if self.peek("(") else Node("name", word, ())

    def _call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise Mistake(f"no function {name!r}: there are {', '.join(FUNCTIONS)}")
        self.need("(")
        parts = [self.either()]
        while self.take(","):
            parts.append(self.either())
        self.need(")")
        least, most = FUNCTIONS[name]
        if not least <= len(parts) <= most:
            many = f"{least}" if least == most else f"{least} to {most}"
            raise Mistake(f"{name} takes {many} arguments, not {len(parts)}, in {self.text!r}")
        if name in LAGS and parts[0].kind != "name":
            raise Mistake(f"{name} takes the name of a counter or KPI, in {self.text!r}")
        return Node("call", name, tuple(parts))


_ZERO, _NULL = Node("number", 0.0, ()), Node("null", None, ())


def parse(text: str) -> Node:
    """An expression as a tree; Mistake says in words what is wrong."""
    reader = _Reader(text)
    tree = reader.either()
    if reader.at < len(reader.tokens):
        reader.wanted("an operator")
    return tree


def names_of(node: Node) -> tuple[str, ...]:
    """The names in an expression, in order, each once."""
    if node.kind == "name":
        return (str(node.value),)
    return tuple(dict.fromkeys(name for part in node.parts for name in names_of(part)))


def looks_back(node: Node) -> bool:
    """Whether an expression looks at an earlier window."""
    return (node.kind == "call" and node.value in LAGS) or any(map(looks_back, node.parts))


def check_formula(node: Node) -> None:
    """Mistake for what has no number: texts, a quantile within a formula."""
    if node.kind == "text":
        raise Mistake(f"a formula has numbers, no texts: {node.value!r}")
    if (node.kind, node.value) == ("call", "quantile"):
        raise Mistake("quantile(...) stands for itself alone, not within a formula")
    for part in node.parts:
        check_formula(part)


def written(node: Node) -> str:
    """An expression as text that `parse` makes the same tree of."""
    if node.kind in ("name", "call"):
        inner = ", ".join(map(written, node.parts))
        return f"{node.value}({inner})" if node.kind == "call" else str(node.value)
    if node.kind == "number":
        return f"{node.value:.17g}" if float(node.value or 0) >= 0 else f"(-{-float(node.value or 0):.17g})"
    if node.kind == "text":
        quote = '"' if "'" in str(node.value) else "'"
        return f"{quote}{node.value}{quote}"
    if node.kind == "null":
        return "null"
    first, *rest = (f"({written(p)})" if p.kind in _BINARY else written(p) for p in node.parts)
    if node.kind in ("is_null", "not_null"):
        return f"{first} is {'not ' if node.kind == 'not_null' else ''}null"
    if node.kind == "not":
        return f"not {first}"
    if node.kind in ("in", "not_in"):
        return f"{first} {'not ' if node.kind == 'not_in' else ''}in ({', '.join(rest)})"
    return f"{first} {node.kind} {rest[0]}"


_BINARY = {*COMPARISONS, "+", "-", "*", "/", "and", "or", "not", "in", "not_in", "is_null", "not_null"}


# --- filters: alternatives of conditions -------------------------------------------------------------------------

_OPERATORS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "at_least"}
_NEGATED = {"eq": "ne", "ne": "eq", "lt": "at_least", "at_least": "lt", "gt": "le", "le": "gt", "in": "not_in",
            "not_in": "in", "is_null": "not_null", "not_null": "is_null", "is_true": "is_false",
            "is_false": "is_true"}  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def where(text: str) -> Where:
    """A filter as alternatives of conditions on columns.

    What compares one column with constants is a condition of its own; any other piece is one that `holds`.
    """
    return _alternatives(parse(text), False) if text.strip() else ()


def _alternatives(node: Node, negated: bool) -> Where:
    if node.kind == "not":
        return _alternatives(node.parts[0], not negated)
    if node.kind in ("and", "or"):
        left, right = (_alternatives(part, negated) for part in node.parts)
        if (node.kind == "or") != negated:
            return (*left, *right)
        if len(left) * len(right) > MOST_ALTERNATIVES:
            raise Mistake(f"more than {MOST_ALTERNATIVES} alternatives: write it as several counters")
        return tuple((*a, *b) for a in left for b in right)
    return ((_simple(node, negated) or _holding(node, negated),),)


def _simple(node: Node, negated: bool) -> Condition | None:
    """One column against constants; None for anything else."""
    op, column = "is_true", node
    value: str | float | tuple[str | float, ...] | None = None
    if node.kind in COMPARISONS:
        left, right, sign = *node.parts, node.kind
        if left.kind != "name":
            left, right, sign = right, left, _TURNED[sign]
        if not _constants((right,)):
            return None
        column, op, value = left, _OPERATORS[sign], _constant(right)
    elif node.kind in ("in", "not_in"):
        if not _constants(node.parts[1:]):
            return None
        column, op, value = node.parts[0], node.kind, tuple(_constant(part) for part in node.parts[1:])
    elif node.kind in ("is_null", "not_null"):
        column, op = node.parts[0], node.kind
    if column.kind != "name":
        return None
    return Condition(str(column.value), _NEGATED[op] if negated else op, value)


def _constants(nodes: Sequence[Node]) -> bool:
    return all(node.kind in ("text", "number") for node in nodes)


def _constant(node: Node) -> str | float:
    if node.kind == "text":
        return str(node.value)
    number = float(node.value or 0)
    return int(number) if number.is_integer() else number


def _holding(node: Node, negated: bool) -> Condition:
    if looks_back(node):
        raise Mistake(f"a filter looks at one row: no {', '.join(LAGS)}")
    if not _has_text(node):
        check_formula(node)
    if not (names := names_of(node)):
        raise Mistake("a filter compares columns: `column == 'text'`, `bytes_up + bytes_down > 5`, `column is null`")
    if _has_text(node):
        raise Mistake("a text in quotes is compared with a column alone: `column == 'text'`, `column in ('a', 'b')`")
    return Condition(written(Node("not", None, (node,)) if negated else node), "holds", names)


def _has_text(node: Node) -> bool:
    return node.kind == "text" or any(map(_has_text, node.parts))

"""What a filter asks of the columns of a table that they cannot tell."""

from collections.abc import Iterator

from formats import kpi, xdr

__all__ = ["wrong_condition"]

_ORDERED = {"gt", "lt", "le", "at_least"}


def wrong_condition(condition: kpi.Condition, columns: dict[str, xdr.Column]) -> Iterator[str]:
    """What a condition asks of the columns of one table that it cannot: all of them are there."""
    op, value = condition.op, condition.value
    if op not in kpi.OPERATORS:
        yield f"no operator {op!r}"
    for name in condition.columns:
        column = columns[name]
        if column.kind in xdr.TEXT_KINDS:
            if op in _ORDERED or op == "holds":
                yield f"{name} is text, no number"
            elif op in ("is_true", "is_false"):
                yield f"{name} is text: compare it with one, or write `{name} is not null`"
            elif op not in ("is_null", "not_null"):
                for one in value if isinstance(value, tuple) else (value,):
                    if not isinstance(one, str):
                        yield f"{name} is text: {one} must stand in quotes"
                    elif column.values and one not in column.values:
                        yield f"{name} is never {one!r}: it is one of {', '.join(filter(None, column.values))}"
        elif op not in ("is_null", "not_null", "is_true", "is_false", "holds"):
            if column.kind == "time":
                yield f"{name} is a time: compare differences, as end_time - start_time > 500 (ms)"
            if any(isinstance(one, str) for one in (value if isinstance(value, tuple) else (value,))):
                yield f"{name} is a number, no text"

"""The language of formulas in plain Python: null is None, and nothing is compiled."""


def plain(node, row):
    """The value of an expression over {name: number or None}."""
    if node.kind == "name":
        return row[node.value]
    if node.kind in ("number", "null"):
        return node.value
    if node.kind == "call" and node.value in ("previous", "day_ago", "week_ago"):
        return row[f"{node.value}({node.parts[0].value})"]
    parts = [plain(part, row) for part in node.parts]
    op = node.value if node.kind == "call" else node.kind
    if op == "is_null":
        return float(parts[0] is None)
    if op == "not_null":
        return float(parts[0] is not None)
    if op == "coalesce":
        return next((p for p in parts if p is not None), None)
    if op == "and":
        return 0.0 if 0 in parts else None if None in parts else 1.0
    if op == "or":
        return 1.0 if any(p for p in parts if p is not None) else None if None in parts else 0.0
    if op == "if":
        return None if parts[0] is None else parts[1] if parts[0] else parts[2]
    if op in ("in", "not_in"):
        if parts[0] is None:
            return None
        found = parts[0] in parts[1:]
        if not found and None in parts[1:]:
            return None
        return float(found != (op == "not_in"))
    if None in parts:
        return None
    if op == "/":
        return None if parts[1] == 0 else parts[0] / parts[1]
    two = {
        "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "==": lambda x, y: float(x == y),
        "!=": lambda x, y: float(x != y), "<": lambda x, y: float(x < y), "<=": lambda x, y: float(x <= y),
        ">": lambda x, y: float(x > y), ">=": lambda x, y: float(x >= y),
    }  # fmt: skip
    one = {"not": lambda x: float(x == 0), "abs": abs, "min": min, "max": max}
    return two[op](*parts) if op in two else one[op](*parts)

"""SQLite: expressions over bodies, which are JSON."""


def filled(field: str, unknown: str = "") -> str:
    """Return an expression over ``b.body``: whether the field of that name holds a value other than ``unknown``."""
    return f"coalesce(json_extract(b.body, '$.{field}'), '') NOT IN ('', '[]', 0, '{unknown}')"


def holds(body: str, field: str) -> str:
    """Return an expression over a column of bodies: whether the field of that name came, even as null."""
    return f"json_type({body}, '$.{field}') IS NOT NULL"


def values_of(body: str, field: str) -> str:
    """Return a table with the column ``value``: the single value, or each of the several, of that field."""
    return f"json_each({body}, '$.{field}')"

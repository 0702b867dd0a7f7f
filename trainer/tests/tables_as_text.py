"""Tables as people write them in text."""

import json

ROWS = 60
PLANS = ["free", "gold", "basic"]


def csv(names, rows, separator=",", end="\n"):
    return end.join([separator.join(names), *(separator.join(map(str, row)) for row in rows), ""])


def numbered(cells, name="x"):
    """A CSV file of one column and a target that is never missing."""
    return csv([name, "y"], [(cell, place % 2) for place, cell in enumerate(cells)])


def plans(end="\n", separator=",", before="", quote=""):
    rows = [(place / 4, f"{before}{quote}{PLANS[place % 3]}{quote}", place % 2) for place in range(ROWS)]
    return csv(["price", "plan", "y"], rows, separator, end)


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)

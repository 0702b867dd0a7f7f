"""Writes contracts/case-mapping.v1.json to standard output: characters whose other case is one character.

Ranges are [first, last, step, distance] in code points. The mapping is kept in a file since every version of
Unicode adds to it, and engines have different ones; making it anew changes what features are.
"""

import json
import sys
import unicodedata


def ranges_of(change):
    """Neighbours of the same distance in one range: letters one after the other, or every second one."""
    pairs = [(point, ord(change(chr(point)))) for point in range(0x110000) if len(change(chr(point))) == 1]
    ranges = []
    for point, other in pairs:
        if point == other:
            continue
        last = ranges[-1] if ranges else None
        step = point - last[1] if last else 0
        if last and last[3] == other - point and step in (1, 2) and (last[0] == last[1] or last[2] == step):
            last[1], last[2] = point, step
        else:
            ranges.append([point, point, 1, other - point])
    return ranges


mapping = {
    "unicode": unicodedata.unidata_version,
    "lower": ranges_of(str.lower),
    "upper": ranges_of(str.upper),
}
lines = [f'  "{name}": {json.dumps(value)}' for name, value in mapping.items()]
sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")

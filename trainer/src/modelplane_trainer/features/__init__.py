"""Features of views: put online, and joined to rows as of the time of each.

`sources` and `values` read files in the types that a view declares; `view_rows` puts a view's sources into a
DuckDB (`database`) as one relation. `materialization` takes of each entity the newest row, or what
`aggregations` says of the events of a window, holds them against `rules`, and has `online_store` write what
`rendering` makes of them. `joining` finds for each of the caller's rows (`entity_rows`) what was known at its
time, `historical` writes that, and `skew` holds it against what was served then.
`erasure` writes files without the rows of one entity.
"""

from .erasure import erase
from .historical import join, write_joined, write_training_set
from .materialization import materialize
from .skew import compare

__all__ = ["compare", "erase", "join", "materialize", "write_joined", "write_training_set"]

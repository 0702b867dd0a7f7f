"""One trial of a study, as events, the journal and the file of all trials have it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

RUNNING, SUCCEEDED, PRUNED, FAILED = "running", "succeeded", "pruned", "failed"
STATES = (RUNNING, SUCCEEDED, PRUNED, FAILED)


@dataclass
class Trial:
    """`trial` of contracts/job-event.v1.schema.json.

    Attributes:
        number: from 0, in the order of the suggestions.
        parameters: by name, those that the conditions of the space let in.
        origin: `suggested`, or `initial` where the request gave the parameters.
        values: an objective each; None unless it has succeeded.
        feasible: whether it keeps all constraints; None unless it has succeeded.
        metrics: all that was measured.
        steps: {step, value} that the pruner saw, or the objective of each fold.
        tries: how often it was begun in the attempt that ended it.
        reason: why it has failed or was pruned, in a sentence.
    """

    number: int
    parameters: dict[str, Any]
    origin: str
    state: str = RUNNING
    values: list[float] | None = None
    feasible: bool | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)
    steps: list[dict[str, float]] = field(default_factory=list)
    started_at: str = ""
    ended_at: str | None = None
    duration_seconds: float | None = None
    tries: int = 1
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def now() -> str:
    """This moment as ISO 8601 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""`python -m modelplane_trainer run | forkserver | reference | demo-data`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from .environment import quiet_libraries, scrubbed

_SCRUBBED = "MODELPLANE_FORKSERVER_SCRUBBED"


def main() -> int:
    parser = argparse.ArgumentParser(prog="modelplane_trainer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train once; events go to stdout")
    run.add_argument("--spec", required=True, type=Path, help="JSON file, contract training-spec.v1")
    server = commands.add_parser("forkserver", help="a warm parent that forks a process per job")
    server.add_argument("--socket", required=True, type=Path, help="Unix socket to listen on")
    reference = commands.add_parser("reference", help="train, then predict with the Python pipeline")
    reference.add_argument("--spec", required=True, type=Path)
    reference.add_argument("--rows", required=True, type=Path, help="JSON lines of features")
    demo = commands.add_parser("demo-data", help="write scikit-learn's breast cancer data as Parquet")
    demo.add_argument("--out", required=True, type=Path)
    demo.add_argument("--holdout", type=int, default=0, help="rows to hold back")
    demo.add_argument("--holdout-out", type=Path, help="JSON lines of the rows held back")
    options = parser.parse_args()

    if options.command == "forkserver":
        # A new image, not only a changed environment: /proc/<pid>/environ shows the first one.
        if os.environ.get(_SCRUBBED) != "1":
            os.execve(sys.executable, sys.orig_argv, scrubbed() | {_SCRUBBED: "1"})
        from .forkserver import serve

        return serve(options.socket)
    quiet_libraries()
    if options.command == "demo-data":
        from .demo_data import write_demo_data

        write_demo_data(options.out, options.holdout, options.holdout_out)
        return 0
    # Whatever a library prints, also from C, must not mix with the lines that are the answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    spec = json.loads(options.spec.read_text(encoding="utf-8"))
    if options.command == "reference":
        from .reference import predict_rows

        return predict_rows(spec, options.rows, answers)
    from .credentials import from_environment
    from .job import run_job

    return run_job(spec, answers, from_environment())


if __name__ == "__main__":
    sys.exit(main())

"""Evaluates expressions by the trainer.

Standard input holds a line {"columns": {name: {"type", "values"}}, "trees": [...]} a table; standard output a
list of columns of JSON values for each.
"""

import json
import sys

from modelplane_trainer.expressions import Column, evaluate

for line in sys.stdin:
    table = json.loads(line)
    columns = {name: Column.of_json(each["type"], each["values"]) for name, each in table["columns"].items()}
    rows = len(next(iter(columns.values())).valid)
    answers = []
    for tree in table["trees"]:
        answer = evaluate(tree, columns, rows)
        # What goes through Arrow is the same.
        answers.append(Column.of_arrow(answer.to_arrow(), answer.type).to_json())
    sys.stdout.write(json.dumps(answers, allow_nan=False) + "\n")

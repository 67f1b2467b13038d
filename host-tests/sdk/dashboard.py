"""Complains about every field of a Grafana dashboard that Grafana's own schemas do not have.

    python dashboard.py FILE

The classes of grafana-foundation-sdk are generated from those schemas and keep only what they know: a
dashboard that is read and written by them unchanged has no misspelt or misplaced field.
"""

import json
import sys

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# Fields of Prometheus' annotations, which have no schema there.
UNKNOWN_THERE = {"titleFormat", "textFormat", "step"}


def lost(before, after, path):
    """Where `after` differs from `before`, as JSON pointers."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if path.startswith("/annotations/") and name in UNKNOWN_THERE:
                continue
            if name in after:
                yield from lost(value, after[name], f"{path}/{name}")
            else:
                yield f"{path}/{name} is unknown"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (value, other) in enumerate(zip(before, after)):
            yield from lost(value, other, f"{path}/{number}")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        before = json.load(file)
    plugins.register_default_plugins()
    after = json.loads(JSONEncoder().encode(Dashboard.from_json(before)))
    complaints = list(lost(before, after, ""))
    sys.exit("\n".join(complaints) if complaints else 0)


main()

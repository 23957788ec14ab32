"""Prints what MLflow reads of a store, as JSON: each run with its parent, parameters, tags and all points of its metrics.

The store is a folder or the address of a server.
"""

import json
import math
import os
import sys

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from mlflow.tracking import MlflowClient


def number(value):
    if not math.isfinite(value):
        return str(value)
    # A store in SQL has no infinity.
    return "inf" if value > 1e308 else value


place = sys.argv[1]
client = MlflowClient(place if "://" in place else "file://" + os.path.abspath(place).replace(" ", "%20"))
(experiment,) = [found for found in client.search_experiments() if found.name == "demo"]
runs = {}
for run in client.search_runs([experiment.experiment_id], max_results=1000):
    history = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
    assert run.info.run_name not in runs, "a run is there twice"
    runs[run.info.run_name] = {
        "id": run.info.run_id,
        "status": run.info.status,
        "parent": run.data.tags.get("mlflow.parentRunId"),
        "tags": run.data.tags,
        "params": run.data.params,
        "metrics": {
            key: sorted([point.step, number(point.value)] for point in points) for key, points in history.items()
        },
    }
json.dump(runs, sys.stdout)

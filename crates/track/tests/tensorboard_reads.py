"""Prints what TensorBoard reads in a folder of event files, as JSON.

Scalars come from its event reader, the table of trials from the backend of its HParams tab, as the page asks it.
"""

import json
import math
import sys

from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups


def number(value):
    return value if math.isfinite(value) else str(value)


def plain(value):
    return getattr(value, value.WhichOneof("kind"))


folder = sys.argv[1]
multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"scalars": 0, "images": 0})
multiplexer.AddRunsFromDirectory(folder)
multiplexer.Reload()

scalars, images = {}, []
for run, found in multiplexer.Runs().items():
    for tag in found["tensors"]:
        plugin = multiplexer.SummaryMetadata(run, tag).plugin_data.plugin_name
        if plugin == "scalars":
            points = multiplexer.Tensors(run, tag)
            values = [[point.step, number(float(point.tensor_proto.float_val[0]))] for point in points]
            scalars.setdefault(run, {})[tag] = values
        elif plugin == "images":
            for point in multiplexer.Tensors(run, tag):
                assert point.tensor_proto.string_val[2].startswith(b"\x89PNG"), tag
                images.append([tag, point.step])

provider = data_provider.MultiplexerDataProvider(multiplexer, folder)
backend = backend_context.Context(base_plugin.TBContext(data_provider=provider, logdir=folder))
request = context.RequestContext()
metadata = backend.hparams_metadata(request, "")
experiment = get_experiment.Handler(request, backend, "", api_pb2.GetExperimentRequest()).run()
asked = api_pb2.ListSessionGroupsRequest(
    start_index=0,
    slice_size=1000,
    allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING, api_pb2.STATUS_UNKNOWN],
)
asked.col_params.add(metric=api_pb2.MetricName(tag="value"))
groups = list_session_groups.Handler(request, backend, "", asked).run()
table = {}
for group in groups.session_groups:
    (only,) = group.sessions
    table[only.name] = {
        "hparams": {name: plain(value) for name, value in group.hparams.items()},
        "status": api_pb2.Status.Name(only.status),
        "value": next((number(metric.value) for metric in only.metric_values if metric.name.tag == "value"), None),
    }

json.dump(
    {
        "scalars": scalars,
        "images": sorted(images),
        "table": table,
        "columns": [info.name for info in experiment.hparam_infos],
        "metrics": [[info.name.group, info.name.tag, info.display_name] for info in experiment.metric_infos],
    },
    sys.stdout,
)

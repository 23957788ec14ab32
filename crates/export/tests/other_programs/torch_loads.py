"""Loads models into PyTorch as docs/load_tunefork.py does it, and prints as JSON how far its outputs are from ours.

Usage: torch_loads.py FOLDER DOCS
FOLDER is as for onnx_runs.py. Needs torch, safetensors and numpy.
"""
import json
import sys
from pathlib import Path

import numpy
import torch

folder = Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])

from load_tunefork import load, normalised  # noqa: E402


def difference(case):
    """The largest difference of a probability, and of a logit as a share of the largest logit."""
    network, description = load(folder / f"{case['name']}.safetensors")
    assert description["classes"] == case["classes"]
    pixels = numpy.fromfile(folder / f"{case['name']}.pixels", numpy.uint8).reshape(-1, *case["shape"])
    with torch.inference_mode():
        logits = network(normalised(torch.from_numpy(pixels), description))
    shape = len(pixels), len(case["classes"])
    ours, our_logits = (
        numpy.fromfile(folder / f"{case['name']}.same.{what}", numpy.float32).reshape(shape)
        for what in ["probabilities", "logits"]
    )
    return [
        float(numpy.abs(logits.softmax(1).numpy() - ours).max()),
        float(numpy.abs(logits.numpy() - our_logits).max() / numpy.abs(our_logits).max()),
    ]


cases = json.loads((folder / "cases.json").read_text())
print(json.dumps({
    "program": f"PyTorch {torch.__version__}",
    "differences": {case["name"]: {"loaded": difference(case)} for case in cases},
}))

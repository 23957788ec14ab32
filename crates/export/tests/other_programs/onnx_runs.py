"""Runs models in onnxruntime and prints, as JSON, how far its outputs are from ours.

Usage: onnx_runs.py FOLDER
FOLDER has cases.json, and of each case the files that are named below. Needs onnx, onnxruntime and numpy.
"""
import ast
import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

folder = Path(sys.argv[1])


def checked_model(case, form):
    """The model, after everything in it was checked."""
    path = folder / f"{case['name']}.{form}.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    used = {name for node in model.graph.node for name in node.input}
    unused = {constant.name for constant in model.graph.initializer} - used
    assert not unused, f"nothing uses {unused}"
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["classes"]) == case["classes"], metadata["classes"]
    assert ast.literal_eval(metadata["names"]) == dict(enumerate(case["classes"])), metadata["names"]
    assert json.loads(metadata["normalisation"]).keys() == {"mean", "std"} and metadata["fit"] == case["fit"]
    assert model.producer_name == "tunefork" and model.producer_version
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def difference(case, form, images, expected="same"):
    """The largest difference of a probability, and of a logit as a share of the largest logit."""
    run = checked_model(case, form).run
    probabilities, logits = run(["probabilities", "logits"], {"images": images})
    # Any number of images at once.
    first = run(["probabilities"], {"images": images[:1]})[0]
    assert first.shape == (1, len(case["classes"])) and numpy.abs(first - probabilities[:1]).max() < 1e-6
    shape = len(images), len(case["classes"])
    ours, our_logits = (
        numpy.fromfile(folder / f"{case['name']}.{expected}.{what}", numpy.float32).reshape(shape)
        for what in ["probabilities", "logits"]
    )
    return [
        float(numpy.abs(probabilities - ours).max()),
        float(numpy.abs(logits - our_logits).max() / numpy.abs(our_logits).max()),
    ]


def differences(case):
    height, width, channels = case["shape"]
    pixels = numpy.fromfile(folder / f"{case['name']}.pixels", numpy.uint8).reshape(-1, height, width, channels)
    scaled = (pixels.astype(numpy.float32) / numpy.float32(255)).transpose(0, 3, 1, 2)
    mean, std = (numpy.array(case[key], numpy.float32).reshape(1, -1, 1, 1) for key in ["mean", "std"])
    found = {
        "scaled": difference(case, "scaled", scaled),
        "raw": difference(case, "raw", pixels),
        "normalised": difference(case, "normalised", (scaled - mean) / std),
    }
    if case["photos"]:
        photos = numpy.fromfile(folder / f"{case['name']}.photos", numpy.uint8).reshape(-1, *case["photos"])
        found["resized"] = difference(case, "raw", photos, "resized")
    return found


cases = json.loads((folder / "cases.json").read_text())
print(json.dumps({
    "program": f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}",
    "differences": {case["name"]: differences(case) for case in cases},
}))

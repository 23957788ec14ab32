"""Rebuilds a network in PyTorch from a model file of Tunefork, which says all that is needed.

    network, description = load("runs/quickstart/best.safetensors")
    probabilities = network(normalised(images, description)).softmax(1)     # images: uint8 [N, height, width, channels]
    print(description["classes"][probabilities[0].argmax()])

Needs torch and safetensors. `python load_tunefork.py MODEL.safetensors` shows the network.
"""
import json
import sys

import torch
from safetensors import safe_open
from torch import nn

ACTIVATIONS = {
    "relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.01), "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"), "silu": nn.SiLU(), "mish": nn.Mish(), "elu": nn.ELU(), "hard_swish": nn.Hardswish(),
    None: nn.Identity(),
}
POOLS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


class Block(nn.Module):
    """pool(activation(norm(conv(x)) + shortcut(x))), where all but the convolution may be left out."""

    def __init__(self, inputs, block, projects):
        super().__init__()
        outputs, stride, norm, pool = (block[key] for key in ["channels", "stride", "batch_norm", "pool"])
        self.residual = block["residual"]
        self.conv = nn.Conv2d(inputs, outputs, block["kernel"], stride, block["padding"], bias=block["bias"])
        # True or false, or the number of groups.
        self.norm = nn.GroupNorm(norm["groups"], outputs) if isinstance(norm, dict) else nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if projects else nn.Identity()
        self.activation = ACTIVATIONS[block["activation"]]
        self.pool = POOLS[pool["kind"]](pool["window"], pool["stride"], pool["padding"]) if pool else nn.Identity()

    def forward(self, x):
        y = self.norm(self.conv(x))
        return self.pool(self.activation(y + self.shortcut(x) if self.residual else y))


class Network(nn.Module):
    """Of a description and the tensors that belong to it, which tell the sizes of dense layers."""

    def __init__(self, network, tensors):
        super().__init__()
        channels = [network["input"]["channels"], *(block["channels"] for block in network["blocks"])]
        blocks = enumerate(zip(channels, network["blocks"]))
        self.blocks = nn.Sequential(*(Block(*block, f"blocks.{at}.shortcut.weight" in tensors) for at, block in blocks))
        self.head = nn.AdaptiveAvgPool2d(1) if network["head"] == "global_average" else nn.Identity()
        dense = lambda name: nn.Linear(*reversed(tensors[f"{name}.weight"].shape))
        self.hidden = nn.ModuleList(dense(f"hidden.{at}") for at in range(len(network["hidden"])))
        self.activation, self.dropout = ACTIVATIONS[network["hidden_activation"]], nn.Dropout(network["dropout"])
        self.classifier = dense("classifier")

    def forward(self, x):
        x = self.head(self.blocks(x)).flatten(1)
        for layer in self.hidden:
            x = self.dropout(self.activation(layer(x)))
        return self.classifier(x)


def load(path):
    """The network with its weights, ready to classify, and the description in the file: classes, normalisation, fit."""
    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["tunefork"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        network = Network(description["network"], tensors)
        network.load_state_dict(tensors)
    return network.eval(), description


def normalised(images, description):
    """Images as decoders give them, uint8 [N, height, width, channels], as the network reads them."""
    mean, std = (torch.tensor(description["normalisation"][key]).reshape(-1, 1, 1) for key in ["mean", "std"])
    return (images.permute(0, 3, 1, 2) / 255 - mean) / std


if __name__ == "__main__":
    network, description = load(sys.argv[1])
    print(network, description["classes"], sep="\n")

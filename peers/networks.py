"""The reports' networks m0 to m4 in PyTorch, as the study files in studies/networks describe them."""
import tomllib
from pathlib import Path

import torch.nn as nn
import torch.nn.functional as F

FILES = Path(__file__).parent.parent / "studies" / "networks"


def block(cin, cout, norm):
    conv = nn.Conv2d(cin, cout, 3, padding=1)
    return nn.Sequential(conv, *([nn.BatchNorm2d(cout)] if norm else []), nn.ReLU(), nn.MaxPool2d(2))


class Residual(nn.Module):
    """relu(bn(conv3x3) + 1x1 shortcut), max pool 2: one stage of the Tiny ImageNet CNN."""

    def __init__(self, cin, cout):
        super().__init__()
        self.c1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.b1 = nn.BatchNorm2d(cout)
        self.sc = nn.Conv2d(cin, cout, 1, bias=False) if cin != cout else nn.Identity()

    def forward(self, x):
        return F.max_pool2d(F.relu(self.b1(self.c1(x)) + self.sc(x)), 2)


def build(name):
    """The network, the shape of an image, the number of classes and the batch."""
    file = FILES / f"{name}.toml"
    if not file.exists():
        raise SystemExit(f"unknown model {name}")
    study = tomllib.loads(file.read_text())
    data, model = study["data"], study["model"]
    side, classes, batch = data["size"], data.get("classes", 10), study["train"]["batch_size"]
    shape = (3 if data.get("colour") == "rgb" else 1, side, side)
    layers, channels = [], shape[0]
    for cout in model.get("channels", []):
        layers.append(Residual(channels, cout) if model.get("residual") else block(channels, cout, model.get("batch_norm", True)))
        channels, side = cout, side // 2
    if model.get("head") == "global_average":
        layers.append(nn.AdaptiveAvgPool2d(1))
        side = 1
    layers.append(nn.Flatten())
    units = channels * side * side
    for hidden in model["hidden"]:
        layers += [nn.Linear(units, hidden), nn.ReLU()]
        if model.get("dropout"):
            layers.append(nn.Dropout(model["dropout"]))
        units = hidden
    return nn.Sequential(*layers, nn.Linear(units, classes)), shape, classes, batch

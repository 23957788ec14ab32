"""Writes activations.txt: values and derivatives of each activation, to the last digit of float64.

Usage: python activations.py > activations.txt        (written with mpmath 1.4)
The names are those of crates/graph/src/vocabulary/activation.rs, the formulae those of PyTorch's documentation
(torch.nn.GELU, SiLU, Mish, ELU, Hardswish, ...); the derivatives are those that mpmath finds by differences at 60 digits.
"""
import pathlib, re
from mpmath import erfc, exp, log, mp, mpf, diff, pi, sqrt, tanh

mp.dps = 60
TABLE = pathlib.Path(__file__).parents[3] / "graph/src/vocabulary/activation.rs"
POINTS = [-20, -9, -5.5, -3.5, -2.5, -1.25, -1, -0.5, -0.125, 0.125, 0.5, 1, 1.25, 2.5, 3.5, 5.5, 9, 20]
FORMULAE = {
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "tanh": tanh,
    "sigmoid": lambda x: 1 / (1 + exp(-x)),
    "gelu": lambda x: x * erfc(-x / sqrt(2)) / 2,
    "gelu_tanh": lambda x: x * (1 + tanh(sqrt(2 / pi) * (x + mpf("0.044715") * x**3))) / 2,
    "silu": lambda x: x / (1 + exp(-x)),
    "mish": lambda x: x * tanh(log(1 + exp(x))),
    "elu": lambda x: x if x > 0 else exp(x) - 1,
    "hard_swish": lambda x: x * min(max(x + 3, mpf(0)), mpf(6)) / 6,
}

for name in re.findall(r'= "(\w+)",', TABLE.read_text()):
    f, x = FORMULAE[name], [mpf(point) for point in POINTS]
    rows = {"x": x, "value": map(f, x), "derivative": [diff(f, point) for point in x]}
    for what, numbers in rows.items():
        print(name, what, *(repr(float(number)) for number in numbers))

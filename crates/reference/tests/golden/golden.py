"""Writes golden.txt: losses, gradients and statistics of three small networks in PyTorch, in float64.

Usage: python golden.py > golden.txt        (written with torch 2.15 on a CPU)
Each line is a name and its numbers. Parameters, images, labels and masks are drawn by the generator
below, which tests/golden.rs repeats, in the order of the parameters. Weights have the layout of
tunefork ([R, S, C, K] and [in, out], images in NHWC order), so that nothing needs to be permuted.
"""
import torch, torch.nn.functional as F

torch.set_default_dtype(torch.float64)
BATCH, STEPS = 3, 5


class Draw:
    """A linear congruential generator; every value is exact in float64."""

    def __init__(self):
        self.state = 1

    def __call__(self, *shape):
        values = []
        for _ in range(torch.Size(shape).numel()):
            self.state = (self.state * 1103515245 + 12345) % 2**31
            values.append(self.state / 2**31 - 0.5)
        return torch.tensor(values).reshape(shape)


def conv(x, w, b=None, **settings):
    return F.conv2d(x, w.permute(3, 2, 0, 1), b, **settings)


def norm(x, scale, shift, running, training):
    return F.batch_norm(x, *running, scale, shift, training=training)


def flatten(x):
    return x.permute(0, 2, 3, 1).flatten(1)


def drop(x, keep, p, training):
    return x * keep / (1 - p) if training else x


def plain(x, p, running, keep, training):
    """conv, norm, relu, max pool; conv, leaky relu, average pool; dense, tanh, dropout; dense."""
    x = F.max_pool2d(F.relu(norm(conv(x, p[0], p[1], padding=1), p[2], p[3], running[0], training)), 2)
    x = F.avg_pool2d(F.leaky_relu(conv(x, p[4], p[5], stride=2, padding=2)), 3, stride=2, padding=1)
    x = drop(torch.tanh(flatten(x) @ p[6] + p[7]), keep[0], 0.25, training)
    return x @ p[8] + p[9]


def residual(x, p, running, keep, training):
    """Two residual stages, the second without projection, in front of a global average."""
    y = norm(conv(x, p[0], p[1], padding=1), p[2], p[3], running[0], training) + conv(x, p[4])
    x = F.max_pool2d(torch.sigmoid(y), 3, stride=2, padding=1)
    y = norm(conv(x, p[5], padding=1), p[6], p[7], running[1], training) + x
    x = drop(F.relu(y).mean((2, 3)), keep[0], 0.25, training)
    return x @ p[8] + p[9]


def grouped(x, p, running, keep, training):
    """A residual stage with group norm, one with layer norm, in front of a global average."""
    y = F.group_norm(conv(x, p[0], p[1], padding=1), 2, p[2], p[3]) + conv(x, p[4])
    x = F.max_pool2d(F.silu(y), 3, stride=2, padding=1)
    y = F.group_norm(conv(x, p[5], padding=1), 1, p[6], p[7]) + x
    x = drop(F.relu(y).mean((2, 3)), keep[0], 0.25, training)
    return x @ p[8] + p[9]


NETWORKS = {
    "plain": (plain, [(3, 3, 2, 4), (4,), (4,), (4,), (3, 3, 4, 3), (3,), (12, 5), (5,), (5, 3), (3,)], [4], (BATCH, 5)),
    "residual": (
        residual,
        [(3, 3, 2, 4), (4,), (4,), (4,), (1, 1, 2, 4), (3, 3, 4, 4), (4,), (4,), (4, 3), (3,)],
        [4, 4],
        (BATCH, 4),
    ),
    "grouped": (
        grouped,
        [(3, 3, 2, 4), (4,), (4,), (4,), (1, 1, 2, 4), (3, 3, 4, 4), (4,), (4,), (4, 3), (3,)],
        [],
        (BATCH, 4),
    ),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.05, weight_decay=0.01),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.01),
    "clipped": lambda p: torch.optim.SGD(p, lr=0.05),
}


def line(name, values):
    print(name, *(repr(float(v)) for v in values))


for network, (forward, shapes, norms, mask) in NETWORKS.items():
    for optimizer, make in OPTIMIZERS.items():
        draw = Draw()
        p = [draw(*shape).requires_grad_() for shape in shapes]
        images = draw(BATCH, 7, 6, 2).permute(0, 3, 1, 2)
        keep = [(draw(*mask) >= -0.2).double()]
        running = [(torch.zeros(n), torch.ones(n)) for n in norms]
        labels, opt, losses = torch.tensor([2, 0, 1]), make(p), []
        for step in range(STEPS):
            opt.zero_grad()
            loss = F.cross_entropy(forward(images, p, running, keep, True), labels, label_smoothing=0.1)
            loss.backward()
            if optimizer == "sgd" and step == 0:
                for i, parameter in enumerate(p):
                    line(f"{network} gradient {i}", parameter.grad.flatten())
            if optimizer == "clipped":
                torch.nn.utils.clip_grad_norm_(p, 0.1)
            opt.step()
            losses.append(loss.item())
        with torch.no_grad():
            losses.append(F.cross_entropy(forward(images, p, running, keep, False), labels).item())
        line(f"{network} {optimizer} losses", losses)
    for i, (mean, variance) in enumerate(running):
        line(f"{network} running {i}", torch.cat([mean, variance]))

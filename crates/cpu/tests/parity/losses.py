"""Ten training losses of two networks with each optimizer, by PyTorch in f64.

Usage: python losses.py > losses.txt        (needs torch and numpy)

Weights, images and labels are made by the formula `uniform`, which parity.rs repeats, so nothing but
the losses is stored. The networks: "fashion", the best CNN for Fashion-MNIST at its real size (421,834
parameters, batch 64), and "residual", the Tiny ImageNet CNN with stages of one convolution and a
shortcut, with smaller images and widths. "dropout" is "fashion" with dropout 0.3 under the masks that
the engine draws (Philox4x32-10), given to PyTorch as factors.
"""
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
STEPS = 10


def uniform(seed, count):
    """Numbers in [0, 1) with 24 bits: SplitMix64 of seed and index."""
    with np.errstate(over="ignore"):
        z = (np.arange(count, dtype=np.uint64) + np.uint64((seed << 32) + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2.0**24


def f32(values):
    return torch.tensor(np.asarray(values).astype(np.float32).astype(np.float64))


class Parameters:
    """Parameters in the order of the graph, made in its layout and turned into PyTorch's."""

    def __init__(self):
        self.all = []

    def add(self, count, low, high):
        values = low + (high - low) * uniform(len(self.all) + 1, count)
        self.all.append(f32(values))
        return len(self.all) - 1

    def take(self, index, *shape):
        return self.all[index].reshape(shape)


def build(name):
    """(parameters as leaves, forward function, image shape (h, w, c), classes, batch)"""
    p, leaves = Parameters(), []

    def leaf(tensor):
        leaves.append(tensor.clone().contiguous().requires_grad_(True))
        return leaves[-1]

    def conv(cin, cout, k, bias):
        bound = 1 / np.sqrt(cin * k * k)
        w = leaf(p.take(p.add(k * k * cin * cout, -bound, bound), k, k, cin, cout).permute(3, 2, 0, 1))
        return w, leaf(p.take(p.add(cout, -bound, bound), cout)) if bias else None

    def norm(c):
        return leaf(p.take(p.add(c, 0.5, 1.5), c)), leaf(p.take(p.add(c, -0.5, 0.5), c))

    def dense(fan_in, out, image=None):
        bound = 1 / np.sqrt(fan_in)
        w = p.take(p.add(fan_in * out, -bound, bound), fan_in, out)
        if image:  # rows in the order (h, w, c); PyTorch flattens (c, h, w)
            h, wd, c = image
            w = w.reshape(h, wd, c, out).permute(2, 0, 1, 3).reshape(fan_in, out)
        return leaf(w.T), leaf(p.take(p.add(out, -bound, bound), out))

    if name == "fashion":
        shape, classes, batch = (28, 28, 1), 10, 64
        stages = [(conv(1, 32, 3, True), norm(32), None), (conv(32, 64, 3, True), norm(64), None)]
        hidden, head = dense(64 * 49, 128, (7, 7, 64)), dense(128, 10)
    else:
        shape, classes, batch = (16, 16, 3), 20, 16
        stages, cin = [], 3
        for cout in (16, 32, 48, 48):
            stages.append((conv(cin, cout, 3, True), norm(cout), conv(cin, cout, 1, False)[0] if cin != cout else "identity"))
            cin = cout
        hidden, head = dense(48, 64), dense(64, 20)

    def forward(x, factors):
        for (w, b), (gamma, beta), shortcut in stages:
            y = F.batch_norm(F.conv2d(x, w, b, padding=1), None, None, gamma, beta, training=True)
            if shortcut is not None:
                y = y + (x if isinstance(shortcut, str) else F.conv2d(x, shortcut))
            x = F.max_pool2d(F.relu(y), 2)
        x = x.flatten(1) if name == "fashion" else x.mean((2, 3))
        x = F.relu(F.linear(x, *hidden))
        return F.linear(x if factors is None else x * factors, *head)

    return leaves, forward, shape, classes, batch


def philox(key, counter):
    mask = 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(b >> 32) ^ counter[1] ^ key[0], b & mask, (a >> 32) ^ counter[3] ^ key[1], a & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return counter


def factors(step, count, p, shape):
    words = [w for quad in range(count // 4) for w in philox([1, 2], [quad, step, 0, 0])]
    threshold = int(p * 2.0**32)
    return torch.tensor([0.0 if w < threshold else 1 / (1 - p) for w in words]).reshape(shape)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=5e-4),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3, weight_decay=1e-4),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=1e-2),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, weight_decay=1e-4),
}


def losses(network, optimizer, dropout):
    leaves, forward, (h, w, c), classes, batch = build(network)
    opt = OPTIMIZERS[optimizer](leaves)
    result = []
    for step in range(STEPS):
        x = f32(uniform(1000 + step, batch * h * w * c) * 3 - 1).reshape(batch, h, w, c).permute(0, 3, 1, 2)
        y = torch.tensor((uniform(2000 + step, batch) * classes).astype(np.int64))
        mask = factors(step, batch * 128, float(np.float32(0.3)), (batch, 128)) if dropout else None
        opt.zero_grad()
        loss = F.cross_entropy(forward(x, mask), y)
        loss.backward()
        opt.step()
        result.append(loss.item())
    return result


for network in ("fashion", "residual"):
    for optimizer in OPTIMIZERS:
        print(network, optimizer, *losses(network, optimizer, False))
print("dropout", "adam", *losses("fashion", "adam", True))

"""Writes golden.json: ten losses of PyTorch for each network and optimizer of parity/main.rs.

Usage: golden.py > golden.json     (needs torch and numpy; takes a few minutes)

Weights, images and labels come from a counter-based generator that both sides have (SplitMix64's
mixer), so no weights need to be kept. "exact" are the losses in float64, "torch" those in float32:
their distance says how far rounding alone carries a run, and so what may be asked of another engine.
"""
import json, sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

STEPS = 10


def mix(stream, count):
    """SplitMix64's output function over stream * 2^32 + 0, 1, 2, ..."""
    z = np.uint64(stream << 32) + np.arange(1, count + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(stream, count):
    """In [0, 1), 24 bits."""
    return ((mix(stream, count) >> np.uint64(40)).astype(np.float64) / 2.0**24).astype(np.float32)


def philox(key, counters):
    """Philox4x32-10 (Salmon et al., SC 2011) of an array of counters [n, 4]."""
    c = [counters[:, i].astype(np.uint64) for i in range(4)]
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ k0, p1 & low, (p0 >> np.uint64(32)) ^ c[3] ^ k1, p0 & low]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack(c, 1)


class Dropout(nn.Module):
    """Keeps an element where its Philox word / 2^32 >= p, and scales by 1 / (1 - p)."""

    def __init__(self, p):
        super().__init__()
        self.p, self.step = p, 0

    def forward(self, x):
        if self.p == 0:
            return x
        quads = np.arange((x.numel() + 3) // 4, dtype=np.uint64)
        counters = np.stack([quads, np.full_like(quads, self.step), np.zeros_like(quads), np.zeros_like(quads)], 1)
        words = philox((1, 2), counters).reshape(-1)[: x.numel()].reshape(x.shape)
        keep = torch.tensor(words / 2.0**32 >= self.p)
        return torch.where(keep, x / (1 - self.p), torch.zeros_like(x))


class Residual(nn.Module):
    def __init__(self, cin, cout, activation=nn.ReLU(), pool=nn.MaxPool2d(2)):
        super().__init__()
        self.activation, self.pool = activation, pool
        self.c1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.b1 = nn.BatchNorm2d(cout)
        self.sc = nn.Conv2d(cin, cout, 1, bias=False) if cin != cout else nn.Identity()

    def forward(self, x):
        return self.pool(self.activation(self.b1(self.c1(x)) + self.sc(x)))


def build(network, dropout):
    if network == "m1":
        block = lambda i, o: [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]
        layers = [*block(1, 32), *block(32, 64), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), Dropout(dropout), nn.Linear(128, 10)]
        return nn.Sequential(*layers), (28, 28, 1), 10, 16
    if network == "tiny":
        first = Residual(3, 6, nn.LeakyReLU(), nn.MaxPool2d(3, stride=2, padding=1))
        second = [nn.Conv2d(6, 8, 5, stride=2, padding=1, bias=False), nn.Tanh(), nn.AvgPool2d(2, stride=1, padding=1)]
        layers = [first, *second, nn.Flatten(), nn.Linear(48, 10), nn.Sigmoid(), Dropout(dropout), nn.Linear(10, 4)]
        return nn.Sequential(*layers), (9, 7, 3), 4, 5
    layers = [Residual(3, 64), Residual(64, 128), Residual(128, 256), Residual(256, 256), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [nn.Linear(256, 512), nn.ReLU(), Dropout(dropout), nn.Linear(512, 200)]
    return nn.Sequential(*layers), (64, 64, 3), 200, 8


def fill(net):
    index = 0
    for module in net.modules():
        for name, p in module.named_parameters(recurse=False):
            u = uniform(100 + index, p.numel())
            if isinstance(module, nn.BatchNorm2d):
                values = 0.5 + u if name == "weight" else np.float32(0.2) * (2 * u - 1)
            else:
                fan_in = module.weight[0].numel()
                values = (2 * u - 1) * np.float32(1 / np.sqrt(fan_in))
            p.data.copy_(torch.tensor(values).reshape(p.shape))
            index += 1


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.02),
    "momentum": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, 1e-3, weight_decay=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-4),
}


def losses(network, optimizer, dtype, dropout=0.0, smoothing=0.0, clip=None):
    net, (h, w, c), classes, batch = build(network, dropout)
    fill(net)
    net = net.to(dtype)
    opt = OPTIMIZERS[optimizer](net.parameters())
    count = STEPS * batch
    pixels = (mix(1, count * h * w * c) >> np.uint64(56)).astype(np.float32)
    x = torch.tensor((pixels / np.float32(255) - np.float32(0.5)) / np.float32(0.25)).reshape(count, h, w, c).permute(0, 3, 1, 2).to(dtype)
    y = torch.tensor((mix(2, count) % np.uint64(classes)).astype(np.int64))
    values = []
    for step in range(STEPS):
        for module in net.modules():
            if isinstance(module, Dropout):
                module.step = step
        rows = batch - 2 if network == "tiny" and step % 3 == 2 else batch  # as a masked last batch
        part = slice(step * batch, step * batch + rows)
        opt.zero_grad()
        loss = F.cross_entropy(net(x[part]), y[part], label_smoothing=smoothing)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        opt.step()
        values.append(loss.item())
    return values


def case(network, optimizer, **settings):
    print(network, optimizer, settings, file=sys.stderr)
    both = {name: losses(network, optimizer, dtype, **settings) for name, dtype in [("exact", torch.float64), ("torch", torch.float32)]}
    return {"network": network, "optimizer": optimizer, **{"dropout": 0.0, "smoothing": 0.0, "clip": None, **settings}, **both}


torch.manual_seed(0)
cases = [case(network, optimizer) for network in ["tiny", "m1", "m3"] for optimizer in OPTIMIZERS]
cases += [case(network, "adam", dropout=0.25) for network in ["tiny", "m1"]]
cases += [case(network, "momentum", smoothing=0.125, clip=0.5) for network in ["tiny", "m1"]]
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")

"""Prints optimizers.txt: three parameters after each of six steps, in f64, by PyTorch's optimizers.

Lion, which PyTorch does not have, is algorithm 2 of arXiv 2302.06675. The networks of golden.py are no use for it:
their biases before a batch norm have gradients of rounding alone, and Lion takes the sign of these.
"""
import torch

# NAdam keeps its product of momenta in the default type.
torch.set_default_dtype(torch.float64)

GRADIENTS = [[0.3, -0.2, 0.0], [-0.01, 0.5, 0.0], [-4.0, 0.1, 1e-3], [0.2, 0.2, -2e-4], [0.5, -0.3, 0.1], [0.02, 0.7, -1.5]]
START = [0.5, -1.0, 0.25]
RATE, DECAY = 0.1, 0.01


class Lion(torch.optim.Optimizer):
    def __init__(self, parameters, beta1=0.9, beta2=0.99):
        super().__init__(parameters, {})
        self.betas, self.mean = (beta1, beta2), 0.0

    def step(self):
        beta1, beta2 = self.betas
        p, g = self.param_groups[0]["params"][0], self.param_groups[0]["params"][0].grad
        with torch.no_grad():
            p.mul_(1 - RATE * DECAY).sub_(RATE * torch.sign(beta1 * self.mean + (1 - beta1) * g))
        self.mean = beta2 * self.mean + (1 - beta2) * g


optim = torch.optim
RULES = {
    "sgd": lambda p: optim.SGD(p, lr=RATE, weight_decay=DECAY),
    "sgd dampened": lambda p: optim.SGD(p, lr=RATE, weight_decay=DECAY, momentum=0.9, dampening=0.25),
    "sgd nesterov": lambda p: optim.SGD(p, lr=RATE, weight_decay=DECAY, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=RATE, weight_decay=DECAY),
    "adamw": lambda p: optim.AdamW(p, lr=RATE, weight_decay=DECAY),
    "rmsprop": lambda p: optim.RMSprop(p, lr=RATE, weight_decay=DECAY),
    "rmsprop centered": lambda p: optim.RMSprop(p, lr=RATE, weight_decay=DECAY, centered=True),
    "rmsprop centered momentum": lambda p: optim.RMSprop(
        p, lr=RATE, weight_decay=DECAY, alpha=0.9, eps=1e-3, centered=True, momentum=0.9
    ),
    "lion": Lion,
    "nadam": lambda p: optim.NAdam(p, lr=RATE, weight_decay=DECAY),
    "nadam decaying": lambda p: optim.NAdam(
        p, lr=RATE, weight_decay=DECAY, betas=(0.8, 0.9), eps=1e-3, momentum_decay=0.5
    ),
    "adagrad": lambda p: optim.Adagrad(p, lr=RATE, weight_decay=DECAY),
    "adagrad decaying": lambda p: optim.Adagrad(p, lr=RATE, weight_decay=DECAY, lr_decay=0.5, eps=1e-3),
}

for name, rule in RULES.items():
    p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = rule([p])
    values = []
    for gradient in GRADIENTS:
        p.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        values += p.tolist()
    print(f"{name}:", *(repr(value) for value in values))

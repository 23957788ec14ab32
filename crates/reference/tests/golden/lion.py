"""Prints the parameters of tests/lion.rs after each step: algorithm 2 of arXiv 2302.06675 (PyTorch has no Lion).

The networks of golden.py are no use here: their biases before a batch norm have gradients of rounding alone,
and Lion takes the sign of these.
"""
p, m = [0.5, -1.0, 0.25], [0.0, 0.0, 0.0]
gradients = [[0.3, -0.2, 0.0], [-0.01, 0.5, 0.0], [-4.0, 0.1, 1e-3], [0.2, 0.2, -2e-4]]
lr, beta1, beta2, wd = 0.1, 0.9, 0.99, 0.01
sign = lambda x: (x > 0) - (x < 0)
for g in gradients:
    step = [sign(beta1 * m + (1 - beta1) * g) for m, g in zip(m, g)]
    p = [(1 - lr * wd) * p - lr * s for p, s in zip(p, step)]
    m = [beta2 * m + (1 - beta2) * g for m, g in zip(m, g)]
    print(p)

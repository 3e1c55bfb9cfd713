"""The training steps of `harness bench` in plain PyTorch: same shapes, same optimisers, eager mode unless `--compile`.

Each function builds a model and one batch and returns a function that takes one step and returns the loss. Sizes are
those of `papers/bench/src`.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def pixels(*shape):
    values = torch.rand(*shape, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
    return values.to(torch.get_default_device())


def labels(count, classes):
    values = torch.randint(classes, (count,), generator=torch.Generator("cpu").manual_seed(1), device="cpu")
    return values.to(torch.get_default_device())


# Whether losses go through torch.compile.
compiled = False


def step_of(optimizer, loss_of):
    if compiled:
        loss_of = torch.compile(loss_of)

    def take():
        loss = loss_of()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return take


def perceptron():
    return nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def mlp():
    model = perceptron()
    x, y = pixels(128, 784), labels(128, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return step_of(optimizer, lambda: F.cross_entropy(model(x), y))


def cnn():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 49, 10),
    )
    x, y = pixels(64, 1, 28, 28), labels(64, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return step_of(optimizer, lambda: F.cross_entropy(model(x), y))


def simclr():
    layers, inputs = [], 1
    for outputs in [16, 32, 64]:
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        inputs = outputs
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 64))
    n = 256
    views = pixels(n, 1, 28, 28)
    partners = (torch.arange(n) + n // 2) % n
    own = torch.zeros(n, n).fill_diagonal_(-math.inf)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def loss_of():
        z = F.normalize(model(views), dim=1)
        return F.cross_entropy(z @ z.T / 0.5 + own, partners)

    return step_of(optimizer, loss_of)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joint, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        split = lambda t: t.view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)
        q, k, v = map(split, self.joint(self.before_attention(x)).split(width, dim=2))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.merge(seen.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.contract(F.gelu(self.expand(self.before_mlp(x))))


class Gpt(nn.Module):
    def __init__(self, layers, width, heads, vocabulary, context):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


def gpt():
    model = Gpt(4, 128, 4, 65, 64)
    ids, y = labels(16 * 64, 65).view(16, 64), labels(16 * 64, 65).flip(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    return step_of(optimizer, lambda: F.cross_entropy(model(ids).view(-1, 65), y))


def pgd():
    model = perceptron()
    clean, y = pixels(128, 784), labels(128, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    epsilon, length = 0.02, 0.005

    def loss_of():
        model.requires_grad_(False)
        x = clean
        for _ in range(10):
            x = x.detach().requires_grad_()
            loss = F.cross_entropy(model(x), y, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, x)
            x = x.detach() + length * gradient.sign()
            x = torch.min(torch.max(x, clean - epsilon), clean + epsilon).clamp(0, 1)
        model.requires_grad_(True)
        return F.cross_entropy(model(x), y)

    return step_of(optimizer, loss_of)


def jets():
    model = nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
    )
    points = pixels(1024, 2)
    source = torch.sin(math.pi * points).sum(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def loss_of():
        x = points.clone().requires_grad_()
        (first,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        laplacian = sum(
            torch.autograd.grad(first[:, axis].sum(), x, create_graph=True)[0][:, axis] for axis in range(2)
        )
        return (laplacian - source).square().mean()

    return step_of(optimizer, loss_of)


def condense():
    layers, inputs = [], 1
    for _ in range(2):
        layers += [
            nn.Conv2d(inputs, 16, 3, padding=1),
            nn.GroupNorm(16, 16),
            nn.ReLU(),
            nn.AvgPool2d(2),
        ]
        inputs = 16
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 9, 10))
    weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    classes, each = 10, 16
    real, real_y = pixels(classes * each, 1, 14, 14), torch.arange(classes).repeat_interleave(each)
    images = real[::each].clone().requires_grad_()
    y = torch.arange(classes)
    of_images = torch.optim.SGD([images], lr=0.1)
    of_network = torch.optim.SGD(model.parameters(), lr=0.01)

    def take():
        goal = torch.autograd.grad(F.cross_entropy(model(real), real_y), weights)
        found = torch.autograd.grad(F.cross_entropy(model(images), y), weights, create_graph=True)
        loss = 0.0
        for one, other in zip(found, goal):
            a, b = one.flatten(1), other.flatten(1)
            loss = loss + (1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-6)).sum()
        of_images.zero_grad(set_to_none=True)
        (images.grad,) = torch.autograd.grad(loss, images)
        of_images.step()
        of_network.zero_grad(set_to_none=True)
        F.cross_entropy(model(images.detach()), y).backward()
        of_network.step()
        return loss.item()

    return take


def factored():
    """The exact step of the Z-loss layer in O(width²), as `FactoredLayer` takes it; double precision but for V."""
    classes, width, examples, rate, a, b = 100_000, 64, 50, 0.1, 1.0, 0.0
    generator = torch.Generator().manual_seed(2)
    rows = 0.1 * torch.randn(classes, width, generator=generator)
    hidden = (0.3 * torch.randn(examples, width, generator=generator)).double()
    targets = labels(examples, classes).tolist()
    mixing, inverse = torch.eye(width).double(), torch.eye(width).double()
    offset = torch.zeros(width).double()
    gram, sums = (rows.T @ rows).double(), rows.sum(0).double()
    state = {"sums": sums, "offset": offset}

    def example(h, c):
        w = mixing.T @ rows[c].double() + state["offset"]
        gram_h = gram @ h
        square, total, output = (gram_h @ h).item(), (state["sums"] @ h).item(), (w @ h).item()
        mean = total / classes
        sigma = math.sqrt(max(square / classes - mean * mean, 0.0))
        z = (output - mean) / sigma
        value = math.log1p(math.exp(a * (b - z))) / a
        slope = -1.0 / (1.0 + math.exp(-a * (b - z)))
        by_output = slope / sigma
        by_square = -by_output * z / (2 * classes * sigma)
        by_sum = by_output * (z * mean / sigma - 1) / classes
        gradient = 2 * by_square * gram_h + by_sum * state["sums"] + by_output * w
        squared = (
            4 * by_square**2 * square
            + by_sum**2 * classes
            + by_output**2
            + 4 * by_square * by_sum * total
            + 4 * by_square * by_output * output
            + 2 * by_sum * by_output
        )
        kappa = 2 * rate * by_square
        pivot = 1 - kappa * (h @ h).item()
        outer = torch.outer(gradient, h)
        gram.sub_(rate * (outer + outer.T)).add_(torch.outer(h, h), alpha=rate * rate * squared)
        state["sums"] = state["sums"] - rate * (2 * by_square * total + by_sum * classes + by_output) * h
        mixing.sub_(torch.outer(mixing @ h, h), alpha=kappa)
        state["offset"] = state["offset"] - (kappa * (h @ state["offset"]) + rate * by_sum) * h
        unmixed = inverse.T @ h
        inverse.add_(torch.outer(h, unmixed), alpha=kappa / pivot)
        rows[c] -= (rate * by_output / pivot * unmixed).float()
        return value

    @torch.no_grad()
    def take():
        return sum(example(h, c) for h, c in zip(hidden, targets)) / examples

    return take


STEPS = {step.__name__: step for step in [mlp, cnn, simclr, gpt, pgd, jets, condense, factored]}


def main():
    """Takes a step again and again for so many seconds, on one thread, and prints the times as JSON."""
    import argparse
    import json
    import time

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_default_device(arguments.device)
    global compiled
    compiled = arguments.compile
    torch.set_num_threads(1)
    torch.manual_seed(0)
    take = STEPS[arguments.step]()
    # A compiled step is compiled by its first call, which is not timed.
    losses = [take() for _ in range(3)]
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < arguments.seconds:
        before = time.perf_counter()
        losses.append(take())
        times.append(time.perf_counter() - before)
    if not losses[-1] < losses[0]:
        raise SystemExit(f"{arguments.step} does not learn: {losses[0]} to {losses[-1]}")
    print(json.dumps({"seconds": times, "torch": torch.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()

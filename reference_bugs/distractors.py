"""Functions that look wrong and are right. A variant of a program gets one or two, which nothing calls."""

import torch


def frozen_copy(model):
    import copy

    twin = copy.deepcopy(model).eval()
    for parameter in twin.parameters():
        parameter.requires_grad_(False)
    return twin


def follow(target, model, tau=0.01):
    for slow, fast in zip(target.parameters(), model.parameters()):
        slow.data.lerp_(fast.data, tau)


def probabilities(model, x):
    with torch.no_grad():
        return torch.softmax(model(x), dim=-1)


def running_mean(values):
    mean = 0.0
    for count, value in enumerate(values, 1):
        mean += (float(value) - mean) / count
    return mean


def noisy(x, scale=0.0):
    return x + scale * torch.randn_like(x) if scale else x


def gradient_norm(model):
    squares = [p.grad.detach().pow(2).sum() for p in model.parameters() if p.grad is not None]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


def same_weights(one, other):
    other.load_state_dict(one.state_dict(), strict=False)
    return all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters()))

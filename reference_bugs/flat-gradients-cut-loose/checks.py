"""What must come out: weights of SGD whose gradients are scaled down to the largest norm, computed here in float64."""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

State = dict[str, torch.Tensor]
FEATURES, WIDTH, SIZE = 6, 20, 8


def _forward(w: State, x: torch.Tensor) -> torch.Tensor:
    hidden = torch.tanh(x @ w["hidden.weight"].T + w["hidden.bias"])
    return (hidden @ w["out.weight"].T + w["out.bias"]).squeeze(1)


def _compare(grade: Grade, batches: int, epochs: int, far: float, max_norm: float, lr: float = 0.05) -> None:
    """Trains with targets so far from the outputs, and compares the weights; some gradient is clipped where far is large."""
    state = {
        "hidden.weight": grade.normal(WIDTH, FEATURES, std=0.4),
        "hidden.bias": grade.normal(WIDTH, std=0.4),
        "out.weight": grade.normal(1, WIDTH, std=0.3),
        "out.bias": grade.normal(1, std=0.3),
    }
    x = grade.normal(batches * SIZE, FEATURES)
    y = _forward(state, x) + far * (1 + grade.uniform(batches * SIZE))
    inputs = {"summers": x, "honey": y, "epochs": epochs, "batch_size": SIZE, "max_norm": max_norm, "lr": lr}
    got = grade.ask("train", state=state, **inputs)["weights"]
    w = {name: tensor.double() for name, tensor in state.items()}
    for _ in range(epochs):
        for xs, ys in zip(x.double().split(SIZE), y.double().split(SIZE), strict=True):
            leaves = {name: tensor.detach().requires_grad_() for name, tensor in w.items()}
            loss = F.mse_loss(_forward(leaves, xs), ys)
            slopes = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
            norm = float(sum(slope.square().sum() for slope in slopes.values()) ** 0.5)
            factor = min(1.0, max_norm / norm)
            w = {name: tensor - lr * factor * slopes[name] for name, tensor in w.items()}
    expect(set(got) == set(w), "the network has other parameters than before")
    moved(state, got)
    close(got, {name: tensor.float() for name, tensor in w.items()}, "after training,", rtol=1e-3, atol=2e-5)


@check("symptom", "a step along a large gradient is as long as the largest norm allows")
def steps_are_short(grade: Grade) -> None:
    _compare(grade, batches=1, epochs=1, far=20.0, max_norm=1.0)
    _compare(grade, batches=3, epochs=1, far=20.0, max_norm=0.3)


@check("behaviour", "small gradients are not scaled, and each step follows the gradient of its own batch")
def steps_follow_their_batch(grade: Grade) -> None:
    for epochs in (1, 3):
        _compare(grade, batches=3, epochs=epochs, far=0.05, max_norm=1.0)


@check("cause", "large gradients are clipped in all batches and epochs")
def every_step_is_clipped(grade: Grade) -> None:
    for batches, epochs in ((4, 2), (1, 5)):
        _compare(grade, batches, epochs, far=8.0, max_norm=0.5, lr=0.1)

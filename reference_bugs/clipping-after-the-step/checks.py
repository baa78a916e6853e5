"""What must come out: steps along the gradient of their batch, none longer than the rate times the norm's bound.

Each step is judged by itself: its gradient is computed here in float64, at the weights before it.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

State = dict[str, torch.Tensor]

RATE, READINGS, WIDTH, SIZE = 0.02, 8, 24, 8


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.normal(WIDTH, READINGS, std=0.3),
        "fc1.bias": grade.normal(WIDTH, std=0.3),
        "fc2.weight": grade.normal(1, WIDTH, std=0.3),
        "fc2.bias": grade.normal(1, std=0.3),
    }


def _gradient(state: State, x: torch.Tensor, y: torch.Tensor) -> State:
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    hidden = torch.relu(x.double() @ w["fc1.weight"].T + w["fc1.bias"])
    loss = F.mse_loss((hidden @ w["fc2.weight"].T + w["fc2.bias"]).squeeze(1), y.double())
    return dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))


def _norm(state: State) -> float:
    return float(sum(t.square().sum() for t in state.values()) ** 0.5)


def _steps(grade: Grade, storm: bool, bound: float | None, epochs: int = 1) -> list[tuple[State, State]]:
    """The move of each step and the gradient of its batch; the gradients are above the bound of 1 if storm, else below.

    A step is the difference between trainings that are one batch apart, or with several epochs one epoch of one batch.
    """
    count = 3
    state = _state(grade)
    x = grade.normal(count * SIZE, READINGS)
    # Targets near the outputs give small gradients, and targets far off large ones.
    hidden = torch.relu(x @ state["fc1.weight"].T + state["fc1.bias"])
    y = (hidden @ state["fc2.weight"].T + state["fc2.bias"]).squeeze(1) + grade.normal(count * SIZE, std=0.05)
    if storm:
        y = y + grade.uniform(count * SIZE, low=10.0, high=30.0)
    lengths = [[1, n + 1] for n in range(epochs)] if epochs > 1 else [[n + 1, 1] for n in range(count)]
    inputs = {"weather": x, "power": y, "lengths": lengths, "batch_size": SIZE, "max_norm": bound}
    trace = [state, *grade.ask("train", state=state, **inputs)["trace"]]
    expect(len(trace) == len(lengths) + 1, f"{len(lengths)} trainings leave {len(trace) - 1} networks")
    steps = []
    for i, (before, after) in enumerate(pairwise(trace)):
        form = {name: t.shape for name, t in after.items()}
        expect(
            form == {name: t.shape for name, t in state.items()},
            "the network has other parameters than before",
        )
        finite(after, f"after step {i + 1}")
        batch = 0 if epochs > 1 else i
        rows = slice(batch * SIZE, (batch + 1) * SIZE)
        move = {name: before[name].double() - after[name].double() for name in before}
        steps.append((move, _gradient(before, x[rows], y[rows])))
    return steps


def _compare(steps: list[tuple[State, State]], bound: float) -> None:
    for i, (move, gradient) in enumerate(steps):
        factor = min(1.0, bound / (_norm(gradient) + 1e-6))
        for name, tensor in gradient.items():
            want = RATE * factor * tensor
            # Weights are stored to about 1e-7.
            close(move[name], want, f"the step of {name} at step {i + 1}", rtol=2e-3, atol=1e-6)


@check(
    "symptom", "no step is longer than the learning rate times the largest norm, and each moves the weights"
)
def steps_are_bounded(grade: Grade) -> None:
    for move, gradient in _steps(grade, storm=True, bound=None):
        length, norm = _norm(move), _norm(gradient)
        expect(
            length < 1.02 * RATE,
            f"a gradient of norm {norm:.1f} makes a step of {length:.4f}, which may be {RATE} long",
        )
        expect(length > 1e-6, f"a gradient of norm {norm:.1f} moves nothing")


@check("cause", "a large gradient is scaled to the bound as a whole, whatever the bound")
def large_gradients_are_scaled(grade: Grade) -> None:
    for bound in (None, 0.3, 2.5):
        _compare(_steps(grade, storm=True, bound=bound), bound or 1.0)


@check("cause", "steps of several epochs follow the gradient of their own batch alone")
def each_step_its_own(grade: Grade) -> None:
    _compare(_steps(grade, storm=True, bound=1.0, epochs=3), 1.0)


@check("collateral", "a small gradient is left as it is")
def small_gradients_are_kept(grade: Grade) -> None:
    steps = _steps(grade, storm=False, bound=1.0)
    _compare(steps, 1.0)

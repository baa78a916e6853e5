"""What must come out: one cycle of the learning rate over the whole run, read off the weights themselves.

Between two steps of SGD with momentum the weights move by a times the gradient and b times the last move. The
gradient is computed here, in float64, at the weights that came back; a is the learning rate of that step, and
what a and b do not explain would be another optimizer or made-up weights.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, median

PEAK = 0.1
RUNS = ((10, 6), (20, 3))  # epochs, batches
BATCH = 16

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(32, 20, low=-0.22, high=0.22),
        "fc1.bias": grade.uniform(32, low=-0.22, high=0.22),
        "fc2.weight": grade.uniform(5, 32, low=-0.18, high=0.18),
        "fc2.bias": grade.uniform(5, low=-0.18, high=0.18),
    }


def _gradient(state: State, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.detach().double().requires_grad_() for name, tensor in state.items()}
    hidden = torch.relu(x.double() @ w["fc1.weight"].T + w["fc1.bias"])
    loss = F.cross_entropy(hidden @ w["fc2.weight"].T + w["fc2.bias"], y)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(w.values()))])


def _flat(state: State, like: State) -> torch.Tensor:
    return torch.cat([state[name].flatten().double() for name in like])


def _trace(grade: Grade, epochs: int, batches: int) -> tuple[list[float], list[float]]:
    """Learning rate and momentum of each step of a training run, inferred from its weights."""
    state = _state(grade)
    features = grade.normal(batches * BATCH, 20)
    targets = grade.integers(0, 5, batches * BATCH)
    answer = grade.ask(
        "train", state=state, features=features, targets=targets, batch_size=BATCH, epochs=epochs
    )
    states = [state, *answer["trace"]]
    steps = epochs * batches
    expect(
        len(states) == steps + 1,
        f"{epochs} epochs of {batches} batches take {len(states) - 1} optimizer steps",
    )
    close(answer["weights"], states[-1], "the weights after training", rtol=0.0, atol=0.0)
    rates: list[float] = []
    momenta: list[float] = []
    last = None
    for step in range(steps):
        after = states[step + 1]
        expect(
            set(after) == set(state) and all(after[n].shape == t.shape for n, t in state.items()),
            "the network has other parameters than before",
        )
        finite(after, f"after step {step + 1}")
        x, y = (t[step % batches * BATCH :][:BATCH] for t in (features, targets))
        move = _flat(states[step], state) - _flat(after, state)
        gradient = _gradient(states[step], x, y)
        columns = torch.stack([gradient] if last is None else [gradient, last], 1)
        fit = torch.linalg.lstsq(columns, move.unsqueeze(1)).solution[:, 0]
        rest = float((move - columns @ fit).norm())
        # The moves are differences of float32 weights, exact to about 1e-7 of the weights.
        bound = 2e-3 * float(move.norm()) + 1e-6 * float(_flat(after, state).norm())
        expect(rest < bound, f"step {step + 1} is no step of SGD with momentum on its batch")
        rates.append(float(fit[0]))
        if last is not None and rates[-1] > 0.1 * PEAK and rates[-2] > 0.1 * PEAK:
            momenta.append(float(fit[1]) * rates[-2] / rates[-1])
        last = move
    expect(max(rates) > 0.01 * PEAK, "training moves no weight")
    return rates, momenta


@check("symptom", "the learning rate rises to the 0.1 that max_lr asks for")
def rate_reaches_its_peak(grade: Grade) -> None:
    for epochs, batches in RUNS:
        rates, _ = _trace(grade, epochs, batches)
        expect(
            0.9 * PEAK < max(rates) < 1.1 * PEAK,
            f"in {epochs} epochs of {batches} batches the learning rate gets to {max(rates):.4f}, not to {PEAK}",
        )


@check("cause", "the cycle spans the run: a low start, a peak in its first half, and an end near zero")
def cycle_spans_the_run(grade: Grade) -> None:
    for epochs, batches in RUNS:
        rates, _ = _trace(grade, epochs, batches)
        where = f"in {epochs} epochs of {batches} batches the learning rate"
        top = rates.index(max(rates)) / len(rates)
        expect(rates[0] < 0.5 * PEAK, f"{where} starts at {rates[0]:.4f}, which is no warm start")
        expect(0.05 < top < 0.6, f"{where} peaks after {top:.0%} of the run")
        expect(rates[-1] < 0.1 * PEAK, f"{where} ends at {rates[-1]:.4f}, still far from zero")


@check("cause", "the learning rate goes up once and down once, in small moves")
def one_rise_one_fall(grade: Grade) -> None:
    rates, _ = _trace(grade, *RUNS[1])
    top = rates.index(max(rates))
    slack = 0.01 * PEAK
    up = all(a <= b + slack for a, b in pairwise(rates[: top + 1]))
    down = all(a >= b - slack for a, b in pairwise(rates[top:]))
    expect(up and down, "the learning rate goes up and down more than once")
    jump = max(abs(a - b) for a, b in pairwise(rates))
    # A cycle over 20 epochs that moves once per epoch jumps by up to 0.35 of the peak; a drop does more.
    expect(jump < 0.6 * PEAK, f"the learning rate jumps by {jump:.3f} at once")


@check("collateral", "the optimizer is SGD with a momentum near 0.9")
def same_optimizer(grade: Grade) -> None:
    _, momenta = _trace(grade, *RUNS[0])
    momentum = median(momenta) if momenta else 0.0
    expect(0.8 < momentum < 0.98, f"the momentum is {momentum:.2f}")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("logits", state=_state(grade), features=grade.normal(8, 20))
    close(got["logits"], want["logits"], "logits")

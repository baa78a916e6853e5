"""What must come out: one half wave of a cosine over the whole run, read off the weights themselves.

Between two steps of SGD the weights move by the learning rate times the gradient, which is computed here, in
float64, at the weights that came back. What that does not explain (up to momentum, which there must be none
of) would be another optimizer or made-up weights.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

RATE = 0.05
RUNS = ((12, 5), (30, 2))  # epochs, batches
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


def _trace(grade: Grade, epochs: int, batches: int) -> list[float]:
    """Learning rate of each step of a training run, inferred from its weights."""
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
        rate = float(move @ gradient / (gradient @ gradient))
        rest = float((move - rate * gradient).norm())
        # The moves are differences of float32 weights, exact to about 1e-7 of the weights.
        bound = 2e-3 * float(move.norm()) + 1e-6 * float(_flat(after, state).norm())
        expect(rest < bound, f"step {step + 1} is no step of SGD on its batch")
        rates.append(rate)
    expect(max(rates) > 0.01 * RATE, "training moves no weight")
    return rates


def _cosine(progress: float) -> float:
    return RATE * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))


@check("symptom", "the learning rate is not near zero after the first third of the run")
def rate_lasts(grade: Grade) -> None:
    for epochs, batches in RUNS:
        rates = _trace(grade, epochs, batches)
        third = rates[: len(rates) // 3]
        low = min(third)
        expect(
            low > 0.5 * RATE,
            f"in {epochs} epochs of {batches} batches the learning rate is {low:.5f} at step {third.index(low) + 1}",
        )


@check("cause", "the learning rate follows one half wave of a cosine from the first epoch to the last")
def one_cosine(grade: Grade) -> None:
    for epochs, batches in RUNS:
        rates = _trace(grade, epochs, batches)
        slack = 0.03 * RATE
        for step, rate in enumerate(rates):
            # Steps per epoch and per batch are both right, and so is an epoch more or less until the end.
            low = _cosine((step // batches + 2) / epochs) - slack
            high = _cosine((step // batches - 1) / epochs) + slack
            expect(
                low < rate < high,
                f"in {epochs} epochs of {batches} batches the learning rate of step {step + 1} is {rate:.5f}, "
                f"not between {max(0.0, low):.5f} and {high:.5f}",
            )


@check("cause", "the learning rate never comes back up")
def never_rises(grade: Grade) -> None:
    rates = _trace(grade, *RUNS[0])
    rise = max(b - a for a, b in pairwise(rates))
    expect(rise < 0.01 * RATE, f"the learning rate rises by {rise:.5f} in the middle of the run")


@check("collateral", "the run starts at the learning rate that was there and ends near zero")
def same_start_and_end(grade: Grade) -> None:
    rates = _trace(grade, *RUNS[1])
    expect(
        0.97 * RATE < rates[0] < 1.03 * RATE,
        f"the first step has the learning rate {rates[0]:.4f}, not {RATE}",
    )
    expect(rates[-1] < 0.05 * RATE, f"the last step still has the learning rate {rates[-1]:.5f}")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("logits", state=_state(grade), features=grade.normal(8, 20))
    close(got["logits"], want["logits"], "logits")

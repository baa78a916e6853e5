"""What must come out: the weights of plain SGD, each step along the gradient of its own batch alone."""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

SENSORS, HIDDEN, DEGREES = 12, 32, 4
RATE = 0.3

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, SENSORS, low=-0.29, high=0.29),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.29, high=0.29),
        "fc2.weight": grade.uniform(DEGREES, HIDDEN, low=-0.18, high=0.18),
        "fc2.bias": grade.uniform(DEGREES, low=-0.18, high=0.18),
    }


def _roasts(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    # Typical roasts at equal distances, so that no draw is much harder than another.
    typical = 3.5 * torch.linalg.qr(grade.normal(SENSORS, DEGREES)).Q.T
    degrees = grade.integers(0, DEGREES, count)
    return typical[degrees] + grade.normal(count, SENSORS, std=1.8), degrees


def _scores(state: State, readings: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.tanh(readings.double() @ w["fc1.weight"].T + w["fc1.bias"])
    return hidden @ w["fc2.weight"].T + w["fc2.bias"]


@check("symptom", "the loss falls and does not climb again")
def loss_does_not_climb(grade: Grade) -> None:
    readings, degrees = _roasts(grade, 4000)
    state = _state(grade)
    inputs = {"state": state, "readings": readings, "degrees": degrees, "batch_size": 40, "epochs": 1}
    weights = grade.ask("train", **inputs)["weights"]
    same_form(weights, state, "the network has other parameters after training")
    finite(weights, "after training")
    loss = float(F.cross_entropy(_scores(weights, readings), degrees))
    # Over 24 draws right fixes come to 0.49 to 0.54 (standard deviation 0.01), piled-up gradients to 3.9 or more (0.8), and
    # weights that stay to 1.34 or more (0.06).
    expect(loss < 0.9, f"after 100 batches the cross-entropy of the training data is {loss:.2f}")


@check("behaviour", "a training run ends in the weights of SGD on one batch after the other")
def run_agrees(grade: Grade) -> None:
    readings, degrees = _roasts(grade, 100)
    inputs = {"state": _state(grade), "readings": readings, "degrees": degrees, "batch_size": 27, "epochs": 2}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=3e-5)


@check("cause", "each step follows the gradient of its own batch alone")
def steps_follow_their_batch(grade: Grade) -> None:
    for batches, epochs in ((1, 1), (1, 2), (2, 1), (3, 1)):
        state = _state(grade)
        readings, degrees = _roasts(grade, 10 * batches)
        inputs = {
            "state": state,
            "readings": readings,
            "degrees": degrees,
            "batch_size": 10,
            "epochs": epochs,
        }
        after = grade.ask("train", **inputs)["weights"]
        w = {name: tensor.double() for name, tensor in state.items()}
        for _ in range(epochs):
            for x, y in zip(readings.split(10), degrees.split(10), strict=True):
                w = {name: tensor.detach().requires_grad_() for name, tensor in w.items()}
                gradients = torch.autograd.grad(F.cross_entropy(_scores(w, x), y), list(w.values()))
                w = {name: t - RATE * g for (name, t), g in zip(w.items(), gradients, strict=True)}
        want = {name: tensor.detach().float() for name, tensor in w.items()}
        close(after, want, f"after {batches * epochs} steps the weights", rtol=1e-3, atol=1e-5)


@check("collateral", "several epochs end in the weights of the learning rate that was there")
def same_rate(grade: Grade) -> None:
    readings, degrees = _roasts(grade, 60)
    inputs = {"state": _state(grade), "readings": readings, "degrees": degrees, "batch_size": 20, "epochs": 5}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=2e-3, atol=1e-4)


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state, readings = _state(grade), grade.normal(8, SENSORS)
    got = grade.ask("scores", state=state, readings=readings)["scores"]
    close(got, _scores(state, readings).float(), "scores", rtol=1e-3, atol=1e-5)

"""What must come out: probabilities of each grain over the kinds, whatever else is in its batch, in training as well.

What forward returns is left to the program (scores or log-probabilities): weights and probabilities are judged.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

MEASUREMENTS, HIDDEN, KINDS = 8, 24, 5
RATE = 0.1

State = dict[str, torch.Tensor]


def _state(grade: Grade, gain: float = 1.0) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, MEASUREMENTS, low=-0.35, high=0.35),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.35, high=0.35),
        "fc2.weight": gain * grade.uniform(KINDS, HIDDEN, low=-0.2, high=0.2),
        "fc2.bias": gain * grade.uniform(KINDS, low=-0.2, high=0.2),
    }


def _grains(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    typical = 1.5 * grade.normal(KINDS, MEASUREMENTS)
    kinds = grade.integers(0, KINDS, count)
    return typical[kinds] + grade.normal(count, MEASUREMENTS), kinds


def _scores(state: State, grains: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.relu(grains.double() @ w["fc1.weight"].T + w["fc1.bias"])
    return hidden @ w["fc2.weight"].T + w["fc2.bias"]


def _probabilities_agree(grade: Grade, count: int, size: int) -> None:
    state = _state(grade, gain=4.0)
    grains, _ = _grains(grade, count)
    got = grade.ask("probabilities", state=state, grains=grains, size=size)["probabilities"]
    want = _scores(state, grains).softmax(1).float()
    batch = "a grain by itself" if size == 1 else f"batches of {size} grains"
    close(got, want, f"with {batch} the probability of a kind", rtol=1e-3, atol=1e-5)


@check("symptom", "a grain by itself gets the probabilities of its own scores")
def a_grain_stands_alone(grade: Grade) -> None:
    _probabilities_agree(grade, 12, 1)


@check("behaviour", "a training run ends in the weights of the cross-entropy of each grain's scores")
def run_agrees(grade: Grade) -> None:
    grains, kinds = _grains(grade, 100)
    inputs = {"state": _state(grade), "grains": grains, "kinds": kinds, "epochs": 2, "batch_size": 30}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=3e-5)


@check("cause", "a grain gets the same probabilities in a batch of any size")
def probabilities_do_not_mix(grade: Grade) -> None:
    for count, size in ((5, 5), (40, 40), (21, 7)):
        _probabilities_agree(grade, count, size)


@check("cause", "a step follows the gradient of each grain's own cross-entropy")
def step_follows_gradient(grade: Grade) -> None:
    for count in (1, 5, 24):
        state = _state(grade, gain=2.0)
        grains, kinds = _grains(grade, count)
        w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
        gradients = torch.autograd.grad(F.cross_entropy(_scores(w, grains), kinds), list(w.values()))
        inputs = {"state": state, "grains": grains, "kinds": kinds, "epochs": 1, "batch_size": count}
        after = grade.ask("train", **inputs)["weights"]
        expect(set(after) == set(state), "the network has other parameters after training")
        for name, gradient in zip(w, gradients, strict=True):
            move = (state[name].double() - after[name].double()) / RATE
            slack = 1e-3 * float(gradient.abs().max()) + 2e-6
            what = f"in a batch of {count} the step of {name} over the learning rate"
            close(move, gradient, what, rtol=2e-3, atol=slack)


@check("collateral", "several epochs end in the weights of SGD with the momentum and rate that were there")
def same_optimizer(grade: Grade) -> None:
    grains, kinds = _grains(grade, 60)
    inputs = {"state": _state(grade), "grains": grains, "kinds": kinds, "epochs": 4, "batch_size": 20}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=3e-3, atol=1e-4)

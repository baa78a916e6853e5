"""What must come out: the gradient of the contrastive loss, to which pairs at a distance of zero give nothing.

It is computed here in float64. Pairs of different coins never fall onto the same place here, where a fix may say what it
likes; nor are distances so small that a fix's small number under the root would matter.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

NUMBERS, HIDDEN, DIMENSIONS = 30, 32, 8
RATE, MARGIN = 0.1, 2.0

State = dict[str, torch.Tensor]
Pairs = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, NUMBERS, low=-0.18, high=0.18),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.18, high=0.18),
        "fc2.weight": grade.uniform(DIMENSIONS, HIDDEN, low=-0.25, high=0.25),
        "fc2.bias": grade.uniform(DIMENSIONS, low=-0.18, high=0.18),
    }


def _places(state: State, photos: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    return torch.relu(photos.double() @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"].T + w["fc2.bias"]


def _pairs(grade: Grade, count: int, zeros: int) -> Pairs:
    """Pairs of different coins and of the same, in a random order; so many of the latter hold one photograph twice."""
    photos = grade.normal(2, count, NUMBERS)
    same = (torch.arange(count) < count // 2).float()
    alike = same.bool()
    photos[1, alike] = photos[0, alike] + grade.normal(count // 2, NUMBERS, std=0.5)
    photos[1, :zeros] = photos[0, :zeros]
    order = torch.randperm(count, generator=grade.generator())
    return {"first": photos[0, order], "second": photos[1, order], "same": same[order]}


def _gradients(state: State, pairs: Pairs) -> State:
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    squared = (_places(w, pairs["first"]) - _places(w, pairs["second"])).square().sum(1)
    apart = pairs["same"] == 0
    # The root is never taken of a zero.
    pushes = F.relu(MARGIN - torch.where(apart, squared, 1.0).sqrt()) ** 2
    loss = torch.where(apart, pushes, squared).mean()
    return dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))


def _follows(grade: Grade, state: State, pairs: Pairs, what: str, steps: int = 1) -> None:
    count = len(pairs["same"])
    after = grade.ask("train", state=state, **pairs, epochs=steps, batch_size=count)["weights"]
    finite(after, f"with {what}")
    same_form(after, state, "the network has other parameters after training")
    for name, gradient in _gradients(state, pairs).items():
        move = (state[name].double() - after[name].double()) / RATE
        slack = 2e-3 * float(gradient.abs().max()) + 2e-6
        close(move, gradient, f"with {what} the step of {name} over the learning rate", rtol=5e-3, atol=slack)


@check(
    "symptom", "training on pairs of which some hold one photograph twice moves the weights to finite ones"
)
def weights_stay_finite(grade: Grade) -> None:
    state, pairs = _state(grade), _pairs(grade, 60, zeros=4)
    # Every batch has such a pair.
    for row in (0, 20, 40):
        pairs["second"][row], pairs["same"][row] = pairs["first"][row], 1.0
    after = grade.ask("train", state=state, **pairs, epochs=2, batch_size=20)["weights"]
    finite(after, "after training")
    same_form(after, state, "the network has other parameters after training")
    gradients = _gradients(state, pairs)
    for name in ("fc1.weight", "fc2.weight"):
        move = state[name].double() - after[name].double()
        along = float((move * gradients[name]).sum()) / max(
            1e-12, float(move.norm() * gradients[name].norm())
        )
        expect(along > 0.5, f"{name} does not go downhill in training")


@check("behaviour", "a training run ends in the weights of the contrastive loss")
def run_agrees(grade: Grade) -> None:
    state = _state(grade)
    for zeros in (0, 5):
        pairs = _pairs(grade, 50, zeros=zeros)
        got, want = grade.both("train", state=state, **pairs, epochs=2, batch_size=20)
        close(got["weights"], want["weights"], "weights", rtol=2e-3, atol=1e-4)


@check("cause", "a pair at a distance of zero gives no gradient, and the others of its batch give theirs")
def zero_gives_nothing(grade: Grade) -> None:
    for count, zeros in ((4, 1), (24, 3), (24, 12)):
        _follows(grade, _state(grade), _pairs(grade, count, zeros), f"{zeros} of {count} pairs at zero")


@check("cause", "two photographs that fall onto the same place are at a distance of zero as well")
def same_place_gives_nothing(grade: Grade) -> None:
    state, pairs = _state(grade), _pairs(grade, 20, zeros=0)
    # A large first number silences all hidden units, so that these photographs, and no others, fall onto the last bias.
    state["fc1.weight"][:, 0] = -1.0
    pairs["first"][:, 0] = pairs["second"][:, 0] = 0.0
    for row in torch.nonzero(pairs["same"])[:3, 0].tolist():
        pairs["first"][row, 0], pairs["second"][row, 0] = 30.0, 40.0
    _follows(grade, state, pairs, "photographs at the same place")


@check("collateral", "without any distance of zero a step is as it was")
def same_step(grade: Grade) -> None:
    for count in (6, 30):
        _follows(grade, _state(grade), _pairs(grade, count, 0), "no pair at zero")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state, photos = _state(grade), grade.normal(6, NUMBERS)
    got = grade.ask("places", state=state, photos=photos)["places"]
    close(got, _places(state, photos).float(), "the places", rtol=1e-3, atol=1e-5)

"""What must come out: a network that works wherever it is moved, with the same fixed codes of positions.

Logits and weights are computed here in float64. The other device is a GPU where there is one, else an emulated one.
"""

import math

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, moved

WORDS, DIM, CLASSES = 500, 32, 3
RATE = 0.1

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    bound = DIM**-0.5
    return {
        "embedding.weight": grade.normal(WORDS, DIM),
        "fc1.weight": grade.uniform(DIM, DIM, low=-bound, high=bound),
        "fc1.bias": grade.uniform(DIM, low=-bound, high=bound),
        "fc2.weight": grade.uniform(CLASSES, DIM, low=-bound, high=bound),
        "fc2.bias": grade.uniform(CLASSES, low=-bound, high=bound),
    }


def _logits(w: State, tokens: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in w.items()}
    length = tokens.size(1)
    position = torch.arange(length, dtype=torch.float64).unsqueeze(1)
    angle = position * torch.exp(torch.arange(0, DIM, 2, dtype=torch.float64) * (-math.log(10000.0) / DIM))
    codes = torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
    hidden = torch.relu((w["embedding.weight"][tokens] + codes) @ w["fc1.weight"].T + w["fc1.bias"]).mean(1)
    return hidden @ w["fc2.weight"].T + w["fc2.bias"]


@check("symptom", "the network runs on the device that it and its input are moved to")
def runs_on_device(grade: Grade) -> None:
    state, tokens = _state(grade), grade.integers(0, WORDS, 4, 20)
    state["fc2.bias"] = torch.zeros(CLASSES)
    twice = state | {"fc2.weight": 2 * state["fc2.weight"]}
    once, double = (grade.ask("logits", state=given, tokens=tokens)["logits"] for given in (state, twice))
    expect(tuple(once.shape) == (4, CLASSES), f"4 reviews give logits of shape {tuple(once.shape)}")
    finite(once, "the logits")
    expect(bool((once.std(0) > 1e-4).all()), "4 reviews of other words get the same logits")
    close(double, 2 * once, "logits with the last weights doubled", rtol=1e-3)


@check("behaviour", "reviews of any length get the logits of their words and positions")
def positions_count(grade: Grade) -> None:
    for rows, length in ((3, 5), (5, 20), (2, 64)):
        state, tokens = _state(grade), grade.integers(0, WORDS, rows, length)
        got = grade.ask("logits", state=state, tokens=tokens)["logits"]
        close(got, _logits(state, tokens), f"logits of {length} words", rtol=2e-3, atol=1e-4)


@check("cause", "the same network works after it has been moved to the CPU and back")
def moves_as_a_whole(grade: Grade) -> None:
    state, tokens = _state(grade), grade.integers(0, WORDS, 6, 30)
    answer = grade.ask("moves", state=state, tokens=tokens)
    want = _logits(state, tokens)
    for name, place in (("first", "the device"), ("second", "the CPU"), ("third", "the device again")):
        close(answer[name], want, f"logits on {place}", rtol=2e-3, atol=1e-4)


@check("cause", "training on the device follows the gradient, and the positions stay as they are")
def trains_on_device(grade: Grade) -> None:
    state, tokens, targets = _state(grade), grade.integers(0, WORDS, 48, 12), grade.integers(0, CLASSES, 48)
    inputs = {"state": state, "tokens": tokens, "targets": targets, "epochs": 8, "batch_size": 16}
    got = grade.ask("train", **inputs)
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    optimizer = torch.optim.SGD(w.values(), lr=RATE)
    for _ in range(8):
        for start in range(0, 48, 16):
            optimizer.zero_grad()
            F.cross_entropy(_logits(w, tokens[start : start + 16]), targets[start : start + 16]).backward()
            optimizer.step()
    want = {name: tensor.detach() for name, tensor in w.items()}
    close(got["weights"], want, "weights", rtol=1e-3, atol=3e-5)
    close(got["logits"], _logits(want, tokens), "logits after training", rtol=2e-3, atol=1e-4)


@check("collateral", "positions are codes, no weights: long training leaves them as they are")
def positions_do_not_train(grade: Grade) -> None:
    state, tokens = _state(grade), grade.integers(0, WORDS, 16, 8)
    targets = grade.integers(0, CLASSES, 16)
    got = grade.ask("train", state=state, tokens=tokens, targets=targets, epochs=25, batch_size=16)
    # The logits of the trained network against those of its returned weights with the codes of the beginning.
    moved(state, got["weights"])
    for name in ("embedding.weight", "fc1.weight"):
        way = float((got["weights"][name] - state[name]).norm() / state[name].norm())
        expect(way < 0.5, f"{name} ends far from where training started")
    close(
        got["logits"], _logits(got["weights"], tokens), "logits of the returned weights", rtol=1e-3, atol=1e-4
    )

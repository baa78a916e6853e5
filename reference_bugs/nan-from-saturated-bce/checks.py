"""What must come out: the gradient of the binary cross-entropy at any score, however sure the network is.

A cure that only keeps the logarithm finite makes the same log as a right one, but gives sure and wrong scores no
gradient. So the networks here begin with weights that are already sure, and their moves are compared with float64.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

WORDS, HIDDEN = 40, 32
RATE = 0.016

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, WORDS, low=-0.158, high=0.158),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.158, high=0.158),
        "fc2.weight": grade.uniform(1, HIDDEN, low=-0.177, high=0.177),
        "fc2.bias": grade.uniform(1, low=-0.177, high=0.177),
    }


def _mails(grade: Grade, count: int) -> torch.Tensor:
    return torch.poisson(torch.full((count, WORDS), 1.5), generator=grade.generator())


def _scores(state: State, mails: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.relu(mails.double() @ w["fc1.weight"].T + w["fc1.bias"])
    return (hidden @ w["fc2.weight"].T + w["fc2.bias"]).squeeze(1)


def _sure(grade: Grade, count: int, low: float, high: float) -> tuple[State, torch.Tensor]:
    """A network and mails that it scores between two absolute values, both classes in equal parts."""
    state = _state(grade)
    mails = _mails(grade, 400)
    scores = _scores(state, mails) - state["fc2.bias"].double()
    shift = float(scores.median())
    gain = (low + high) / 2 / float((scores - shift).abs().median())
    state["fc2.weight"] = state["fc2.weight"] * gain
    state["fc2.bias"] = torch.full((1,), -shift * gain)
    scores = _scores(state, mails)
    sides = []
    for side in (scores, -scores):
        fitting = torch.nonzero((side > low) & (side < high)).flatten()
        sides.append(fitting[: count // 2])
    return state, mails[torch.cat(sides)]


def _gradients(state: State, mails: torch.Tensor, labels: torch.Tensor) -> State:
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    loss = F.binary_cross_entropy_with_logits(_scores(w, mails), labels.double())
    return dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))


@check("symptom", "mails that the network is sure of do not turn the weights into NaN")
def sure_mails_train(grade: Grade) -> None:
    for low, high in ((18.0, 60.0), (110.0, 400.0)):
        state, mails = _sure(grade, 32, low, high)
        labels = (_scores(state, mails) > 0).float()
        answer = grade.ask("train", state=state, mails=mails, labels=labels, epochs=2, batch_size=16)
        finite(answer["weights"], f"after mails with right scores from {low:.0f} to {high:.0f}:")
    # These move nothing when all is right, so that nothing but ordinary mails tells training from none.
    mails = _mails(grade, 32)
    labels = (mails[:, :20].sum(1) > mails[:, 20:].sum(1)).float()
    inputs = {"state": _state(grade), "mails": mails, "labels": labels, "epochs": 1, "batch_size": 16}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "after ordinary mails, weights", rtol=1e-2, atol=2e-4)


@check("behaviour", "ordinary training ends in the weights of the binary cross-entropy")
def ordinary_training(grade: Grade) -> None:
    mails = _mails(grade, 160)
    labels = (mails[:, :20].sum(1) > mails[:, 20:].sum(1)).float()
    inputs = {"state": _state(grade), "mails": mails, "labels": labels, "epochs": 3, "batch_size": 32}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=2e-5)


def _follows(grade: Grade, low: float, high: float, wrong: float) -> None:
    state, mails = _sure(grade, 32, low, high)
    right = (_scores(state, mails) > 0).float()
    flip = torch.rand(len(mails), generator=grade.generator()) < wrong
    labels = torch.where(flip, 1 - right, right)
    labels[0] = 1 - right[0]
    inputs = {"state": state, "mails": mails, "labels": labels, "epochs": 1, "batch_size": len(mails)}
    after = grade.ask("train", **inputs)["weights"]
    finite(after, f"after mails with scores from {low:.0f} to {high:.0f}:")
    for name, gradient in _gradients(state, mails, labels).items():
        move = (state[name].double() - after[name].double()) / RATE
        slack = 3e-3 * float(gradient.abs().max()) + 2e-7 * float(state[name].abs().max()) / RATE
        close(
            move,
            gradient,
            f"with wrong scores from {low:.0f} to {high:.0f} the step of {name} over the learning rate",
            rtol=5e-3,
            atol=slack,
        )


@check("cause", "a mail that is surely scored wrong moves the weights by its full gradient")
def sure_mistakes_count(grade: Grade) -> None:
    for low, high in ((18.0, 40.0), (50.0, 90.0), (120.0, 300.0)):
        _follows(grade, low, high, wrong=1.0)
        _follows(grade, low, high, wrong=0.4)


@check("cause", "scores that nearly saturate have an exact gradient, too")
def near_saturation(grade: Grade) -> None:
    _follows(grade, 6.0, 11.0, wrong=1.0)
    _follows(grade, 12.0, 16.0, wrong=0.5)


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("scores", state=_state(grade), mails=_mails(grade, 8))
    expect(got["scores"].shape == want["scores"].shape, "the scores have another shape than before")
    close(got["scores"], want["scores"], "scores")

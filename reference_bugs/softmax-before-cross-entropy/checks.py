"""What must come out: weights that follow the cross-entropy of the scores of the last layer.

What forward returns may be scores or their log-softmax: only weights after training and classes are compared. They
are computed here in float64, also for scores so far apart that a softmax has lost the small probabilities.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

PIXELS, HIDDEN, CLASSES = 64, 64, 10
RATE = 0.05

State = dict[str, torch.Tensor]


def _state(grade: Grade, gain: float = 1.0) -> State:
    bound = 0.125
    return {
        "fc1.weight": grade.uniform(HIDDEN, PIXELS, low=-bound, high=bound),
        "fc1.bias": grade.uniform(HIDDEN, low=-bound, high=bound),
        "fc2.weight": gain * grade.uniform(CLASSES, HIDDEN, low=-bound, high=bound),
        "fc2.bias": gain * grade.uniform(CLASSES, low=-bound, high=bound),
    }


def _digits(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    pictures = grade.normal(CLASSES, PIXELS)
    targets = grade.integers(0, CLASSES, count)
    return pictures[targets] + grade.normal(count, PIXELS, std=0.5), targets


def _scores(state: State, data: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.relu(data.double() @ w["fc1.weight"].T + w["fc1.bias"])
    return hidden @ w["fc2.weight"].T + w["fc2.bias"]


@check("symptom", "training brings the cross-entropy near zero within a few epochs")
def loss_falls(grade: Grade) -> None:
    data, targets = _digits(grade, 300)
    weights = grade.ask("train", state=_state(grade), data=data, targets=targets, epochs=2, batch_size=30)[
        "weights"
    ]
    finite(weights, "after training")
    loss = float(F.cross_entropy(_scores(weights, data), targets))
    expect(loss < 0.2, f"after 2 epochs of 10 batches the cross-entropy of the scores is {loss:.2f}")


@check("behaviour", "a training run ends in the weights of the cross-entropy of the scores")
def weights_agree(grade: Grade) -> None:
    data, targets = _digits(grade, 80)
    inputs = {"state": _state(grade), "data": data, "targets": targets, "epochs": 2, "batch_size": 20}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=3e-5)


def _follows(grade: Grade, gap: float) -> None:
    """One step from weights whose scores are about so far apart, against the gradient computed here."""
    data, targets = _digits(grade, 20)
    state = _state(grade)
    scores = _scores(state, data)
    gain = gap / float((scores.max(1).values - scores.min(1).values).median())
    for name in ("fc2.weight", "fc2.bias"):
        state[name] = state[name] * gain
    # A class that the network rules out: the gradient is then at its largest, and so is what a softmax loses.
    targets = _scores(state, data).argmin(1)
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    wanted = torch.autograd.grad(F.cross_entropy(_scores(w, data), targets), list(w.values()))
    inputs = {"state": state, "data": data, "targets": targets, "epochs": 1, "batch_size": 20}
    after = grade.ask("train", **inputs)["weights"]
    finite(after, f"after scores {gap:.0f} apart,")
    for name, gradient in zip(w, wanted, strict=True):
        move = (state[name].double() - after[name].double()) / RATE
        slack = 2e-3 * float(gradient.abs().max()) + 2e-7 * float(state[name].abs().max()) / RATE
        close(
            move,
            gradient,
            f"with scores {gap:.0f} apart the step of {name} over the rate",
            rtol=5e-3,
            atol=slack,
        )


@check("cause", "digits that are surely taken for others move the weights by their full gradient")
def sure_mistakes_count(grade: Grade) -> None:
    for gap in (12.0, 30.0, 60.0, 250.0):
        _follows(grade, gap)


@check("cause", "a first step follows the gradient of the cross-entropy of the scores")
def first_step(grade: Grade) -> None:
    _follows(grade, 1.0)
    _follows(grade, 4.0)


@check("collateral", "digits are put into the class of the highest score, in training and evaluation mode")
def same_classes(grade: Grade) -> None:
    state = _state(grade, gain=4.0)
    data, _ = _digits(grade, 60)
    scores = _scores(state, data)
    best = scores.topk(2).values
    data, want = data[best[:, 0] - best[:, 1] > 1e-3], scores.argmax(1)[best[:, 0] - best[:, 1] > 1e-3]
    for training in (True, False):
        got = grade.ask("predict", state=state, data=data, training=training)["classes"]
        close(got, want, "the classes")


@check("collateral", "several epochs end in the weights of SGD with the momentum and rate that were there")
def same_optimizer(grade: Grade) -> None:
    data, targets = _digits(grade, 60)
    inputs = {"state": _state(grade), "data": data, "targets": targets, "epochs": 4, "batch_size": 25}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=3e-3, atol=1e-4)

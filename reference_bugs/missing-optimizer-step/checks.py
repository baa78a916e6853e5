"""What must come out: the weights of an ordinary training run, computed here with the reference."""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved


def _data(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    centres = grade.normal(10, 784)
    targets = grade.integers(0, 10, count)
    return (0.3 * centres[targets] + grade.normal(count, 784)).view(count, 1, 28, 28), targets


def _state(grade: Grade) -> dict[str, torch.Tensor]:
    return {
        "fc1.weight": grade.uniform(128, 784, low=-0.035, high=0.035),
        "fc1.bias": grade.uniform(128, low=-0.035, high=0.035),
        "fc2.weight": grade.uniform(10, 128, low=-0.09, high=0.09),
        "fc2.bias": grade.uniform(10, low=-0.09, high=0.09),
    }


def _accuracy(
    grade: Grade, weights: dict[str, torch.Tensor], images: torch.Tensor, targets: torch.Tensor
) -> float:
    logits = grade.reference("logits", state=weights, images=images.flatten(1))["logits"]
    return float((logits.argmax(1) == targets).double().mean())


@check("symptom", "training classifies its own data far better than chance")
def it_learns(grade: Grade) -> None:
    images, targets = _data(grade, 256)
    state = _state(grade)
    weights = grade.ask("train", state=state, images=images, targets=targets, batch_size=32, epochs=5)[
        "weights"
    ]
    accuracy = _accuracy(grade, weights, images, targets)
    expect(accuracy > 0.7, f"after 5 epochs {accuracy:.0%} of its own training data are classified right")


@check("cause", "every batch moves every weight")
def each_batch_counts(grade: Grade) -> None:
    state = _state(grade)
    for count in (8, 16):  # one batch, then two: the second must count as well
        images, targets = _data(grade, count)
        inputs = {"state": state, "images": images, "targets": targets, "batch_size": 8, "epochs": 1}
        got, want = grade.both("train", **inputs)
        moved(state, got["weights"], f"an epoch of {count // 8} batches")
        close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=2e-5)


@check("collateral", "several epochs end in the weights of Adam at the learning rate that was there")
def same_optimizer(grade: Grade) -> None:
    images, targets = _data(grade, 64)
    state = _state(grade)
    inputs = {"state": state, "images": images, "targets": targets, "batch_size": 16, "epochs": 2}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-2, atol=2e-4)


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("logits", state=_state(grade), images=grade.normal(8, 784))
    close(got["logits"], want["logits"], "logits")

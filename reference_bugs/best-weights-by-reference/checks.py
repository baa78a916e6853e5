"""What must come out: the weights and statistics of the epoch with the lowest validation loss.

The course of training does not depend on the validation set. So the reference is trained first, and the validation set is
then drawn around the outputs of one of its epochs, which makes that epoch the best by far. Losses are computed here in
float64; a validation set is drawn anew where two epochs come within 0.1 % of each other.
"""

from dataclasses import dataclass
from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

EPOCHS = 12

State = dict[str, torch.Tensor]


@dataclass
class Task:
    """A training run of the reference, with a validation set that prefers one of its epochs."""

    inputs: dict[str, Any]
    trace: list[State]
    losses: list[float]
    best: int


def _outputs(state: State, degrees: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    scale = w["norm.weight"] / (w["norm.running_var"] + 1e-5).sqrt()
    x = (degrees.double() - w["norm.running_mean"]) * scale + w["norm.bias"]
    hidden = torch.tanh(x @ w["fc1.weight"].T + w["fc1.bias"])
    return (hidden @ w["fc2.weight"].T + w["fc2.bias"]).squeeze(1)


def _loss(state: State, inputs: dict[str, Any]) -> float:
    return float((_outputs(state, inputs["val_degrees"]) - inputs["val_acidity"].double()).square().mean())


def _same(got: State, want: State, when: str, rtol: float, atol: float) -> None:
    expect(set(got) == set(want), "the network has other parameters than before")
    for name, tensor in want.items():
        close(got[name], tensor, f"{name} {when}", rtol=rtol, atol=atol)


def _task(grade: Grade, target: int) -> Task:
    state = {
        "norm.weight": grade.uniform(10, low=0.6, high=1.4),
        "norm.bias": grade.normal(10, std=0.2),
        "norm.running_mean": grade.normal(10, std=0.5),
        "norm.running_var": grade.uniform(10, low=0.5, high=2.0),
        "norm.num_batches_tracked": torch.tensor(0),
        "fc1.weight": grade.normal(48, 10, std=0.3),
        "fc1.bias": grade.normal(48, std=0.3),
        "fc2.weight": grade.normal(1, 48, std=0.15),
        "fc2.bias": grade.normal(1, std=0.1),
    }
    degrees = 3 + 2 * grade.normal(60, 10)
    inputs = {
        "state": state,
        "degrees": degrees,
        "acidity": torch.sin(degrees[:, 3]) + 0.4 * degrees[:, 7] + grade.normal(60, std=0.2),
        "val_degrees": 3 + 2 * grade.normal(80, 10),
        "epochs": EPOCHS,
    }
    trace = grade.reference("fit", val_acidity=grade.normal(80), **inputs)["trace"]
    for _ in range(20):
        noise = grade.normal(80, std=0.05)
        inputs["val_acidity"] = _outputs(trace[target], inputs["val_degrees"]).float() + noise
        losses = [_loss(weights, inputs) for weights in trace]
        order = sorted(range(EPOCHS), key=losses.__getitem__)
        if order[0] == target and losses[order[1]] > 1.001 * losses[order[0]]:
            break
    return Task(inputs, trace, losses, order[0])


def _fit(grade: Grade, task: Task) -> dict[str, Any]:
    answer = grade.ask("fit", **task.inputs)
    same_form(
        answer["weights"], task.inputs["state"], "the network has other parameters or statistics than before"
    )
    finite(answer["weights"], "after training")
    return answer


@check("symptom", "the model that is left has the lowest validation loss of its run")
def the_best_is_left(grade: Grade) -> None:
    for target in (2, 6):
        task = _task(grade, target)
        left = _loss(_fit(grade, task)["weights"], task.inputs)
        best, last = task.losses[task.best], task.losses[-1]
        expect(
            left < 1.05 * best,
            f"the best epoch has a validation loss of {best:.4f}, the last {last:.4f}, the model that is left {left:.4f}",
        )


@check(
    "cause", "the model that is left is that of the best epoch, with its statistics, whichever epoch that is"
)
def every_epoch_can_be_kept(grade: Grade) -> None:
    for target in (0, int(grade.integers(3, 11)), EPOCHS - 1):
        task = _task(grade, target)
        got = _fit(grade, task)["weights"]
        _same(got, task.trace[task.best], f"where epoch {task.best + 1} is the best", rtol=1e-3, atol=1e-5)


@check("collateral", "the best epoch and its validation loss are reported")
def same_report(grade: Grade) -> None:
    task = _task(grade, int(grade.integers(1, 10)))
    answer = _fit(grade, task)
    expect(
        answer["epoch"] == task.best + 1,
        f"epoch {task.best + 1} is the best, but {answer['epoch']} is returned",
    )
    close(answer["loss"], task.losses[task.best], "the validation loss that is returned", rtol=1e-3)


@check("collateral", "training goes through all epochs as it did")
def same_training(grade: Grade) -> None:
    task = _task(grade, 4)
    trace = _fit(grade, task)["trace"]
    expect(len(trace) == EPOCHS, f"{EPOCHS} epochs take {len(trace)} optimizer steps")
    for epoch, (got, want) in enumerate(zip(trace, task.trace, strict=True)):
        _same(got, want, f"after epoch {epoch + 1}", rtol=1e-3, atol=1e-5)

"""What must come out: steps with half of the units dropped, and a validation loss with none dropped.

Batches hold one tea each, so that the step itself tells which units took part: the column of a dropped unit in the last
layer does not change. The step is then computed here in float64 with these units, whatever random numbers chose them.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, same_form

READINGS, HIDDEN, TEAS = 20, 64, 6
RATE = 0.05

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        # Positive, as the readings are, so that a unit is silent only where it is dropped.
        "inner.weight": grade.uniform(HIDDEN, READINGS, low=0.01, high=0.15),
        "inner.bias": grade.uniform(HIDDEN, low=0.05, high=0.2),
        "outer.weight": grade.uniform(TEAS, HIDDEN, low=-0.125, high=0.125),
        "outer.bias": grade.uniform(TEAS, low=-0.125, high=0.125),
    }


def _brew(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return grade.uniform(count, READINGS, low=0.2, high=1.0), grade.integers(0, TEAS, count)


def _loss(w: State, x: torch.Tensor, teas: torch.Tensor, factors: torch.Tensor | float = 1.0) -> torch.Tensor:
    hidden = torch.relu(x.double() @ w["inner.weight"].double().T + w["inner.bias"].double())
    return F.cross_entropy((hidden * factors) @ w["outer.weight"].double().T + w["outer.bias"].double(), teas)


def _runs(
    grade: Grade,
) -> tuple[list[State], torch.Tensor, torch.Tensor, dict[str, list[float]], list[float]]:
    """Weights before and after each of 3 epochs of 4 steps, the teas of each step, the losses, and the right ones."""
    state = _state(grade)
    (x, teas), (others, their_teas) = _brew(grade, 4), _brew(grade, 30)
    inputs = {"x": x, "teas": teas, "others": others, "their_teas": their_teas, "epochs": 3, "batch_size": 1}
    got = grade.ask("train", state=state, **inputs)
    weights = got["weights"]
    expect(len(weights) == 12, f"3 epochs of 4 batches take {len(weights)} steps")
    for step in weights:
        same_form(step, state, "the network has other weights than before")
    wanted = [float(_loss(weights[4 * epoch + 3], others, their_teas)) for epoch in range(3)]
    return [state, *weights], x.repeat(3, 1), teas.repeat(3), got, wanted


@check("behaviour", "evaluate gives the loss of the whole network, none of its units dropped")
def whole_network_evaluated(grade: Grade) -> None:
    for training in (True, False):
        state = _state(grade)
        x, teas = _brew(grade, 50)
        got = grade.ask("evaluate", state=state, x=x, teas=teas, training=training)["loss"]
        close(got, float(_loss(state, x, teas)), "the loss", rtol=1e-3)


@check(
    "cause", "every step drops half of the units and doubles the others, and its loss is the one that counts"
)
def half_the_units_train(grade: Grade) -> None:
    weights, x, teas, got, _ = _runs(grade)
    kept, losses = 0, []
    for step, (before, after) in enumerate(pairwise(weights)):
        active = (after["outer.weight"] != before["outer.weight"]).any(0)
        kept += int(active.sum())
        w = {name: tensor.double().requires_grad_() for name, tensor in before.items()}
        loss = _loss(w, x[step : step + 1], teas[step : step + 1], 2.0 * active)
        losses.append(float(loss.detach()))
        for (name, tensor), gradient in zip(
            w.items(), torch.autograd.grad(loss, list(w.values())), strict=True
        ):
            close(
                after[name].double(),
                tensor.detach() - RATE * gradient,
                f"step {step + 1}: {name}",
                rtol=1e-4,
                atol=1e-6,
            )
    epochs = [sum(losses[start : start + 4]) / 4 for start in range(0, 12, 4)]
    close(got["training"], epochs, "the training loss", rtol=1e-3)
    # Of 768 draws: the standard deviation of the share is 0.018.
    share = kept / (HIDDEN * (len(weights) - 1))
    expect(0.4 < share < 0.6, f"{share:.0%} of the hidden units take part in a step, not half of them")


@check(
    "behaviour", "the validation losses that training returns are those of the whole network after each epoch"
)
def validation_of_the_whole_network(grade: Grade) -> None:
    _, _, _, got, want = _runs(grade)
    close(got["validation"], want, "the validation loss", rtol=1e-3)

"""What must come out: weights that follow the loss of each hour's forecast against that hour's own level.

Whether forecasts stand in a row or in a column is left to the program; its weights are judged here in float64.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

GAUGES, HIDDEN = 6, 24
RATE = 0.02

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, GAUGES, low=-0.4, high=0.4),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.4, high=0.4),
        "fc2.weight": grade.uniform(1, HIDDEN, low=-0.2, high=0.2),
        "fc2.bias": grade.uniform(1, low=-0.2, high=0.2),
    }


def _records(grade: Grade, hours: int) -> torch.Tensor:
    """Hours of a river whose gauges have other shares than the program's, some above and some below 4 m."""
    readings = grade.normal(hours, GAUGES)
    share = grade.uniform(GAUGES, low=0.2, high=0.6)
    return torch.cat([readings, (3.0 + readings @ share).unsqueeze(1)], dim=1)


def _forecast(state: State, readings: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    return (
        torch.tanh(readings.double() @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"].T + w["fc2.bias"]
    )[:, 0]


@check("symptom", "after training the forecasts follow the levels")
def forecasts_follow_the_river(grade: Grade) -> None:
    # Over 24 draws right fixes miss 0.02 to 0.21 of the variance (standard deviation 0.05); a network that only learns the
    # mean misses 1.02 or more (0.16).
    records = _records(grade, 520)
    state = _state(grade)
    weights = grade.ask("train", state=state, records=records[:320], epochs=8, batch_size=32)["weights"]
    same_form(weights, state, "the network has other parameters after training")
    finite(weights, "after training")
    level = records[320:, -1].double()
    missed = float((_forecast(weights, records[320:, :-1]) - level).square().mean() / level.var())
    expect(missed < 0.5, f"after 8 epochs the forecasts miss {missed:.0%} of the variance of the levels")


@check("behaviour", "a training run ends in the weights of the loss of each hour against its own level")
def run_agrees(grade: Grade) -> None:
    for hours in (70, 65):  # the last batch has six hours, then one
        inputs = {"state": _state(grade), "records": _records(grade, hours), "epochs": 2, "batch_size": 32}
        got, want = grade.both("train", **inputs)
        close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=2e-5)


@check("cause", "a step follows the gradient of the weighted squared error hour by hour")
def step_is_hour_by_hour(grade: Grade) -> None:
    for hours in (2, 9, 32):
        state, records = _state(grade), _records(grade, hours)
        w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
        level = records[:, -1].double()
        loss = (torch.where(level > 4.0, 5.0, 1.0) * (_forecast(w, records[:, :-1]) - level) ** 2).mean()
        gradients = torch.autograd.grad(loss, list(w.values()))
        after = grade.ask("train", state=state, records=records, epochs=1, batch_size=hours)["weights"]
        for name, gradient in zip(w, gradients, strict=True):
            expect(
                name in after and after[name].shape == gradient.shape,
                f"{name} is missing or has another shape",
            )
            move = (state[name].double() - after[name].double()) / RATE
            slack = 1e-3 * float(gradient.abs().max()) + 5e-6
            what = f"with {hours} hours the step of {name} over the learning rate"
            close(move, gradient, what, rtol=2e-3, atol=slack)


@check("collateral", "several epochs end in the weights of SGD with the momentum and rate that were there")
def same_optimizer(grade: Grade) -> None:
    inputs = {"state": _state(grade), "records": _records(grade, 60), "epochs": 5, "batch_size": 20}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=2e-3, atol=1e-4)


@check("collateral", "the network forecasts as before, one number for each hour")
def same_forecast(grade: Grade) -> None:
    for hours in (1, 5):
        state, readings = _state(grade), grade.normal(hours, GAUGES)
        got = grade.ask("predict", state=state, readings=readings)["levels"]
        close(got, _forecast(state, readings).float(), "the forecasts", rtol=1e-3, atol=1e-5)

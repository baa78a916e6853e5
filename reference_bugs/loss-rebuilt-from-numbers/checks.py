"""What must come out: steps along the gradient of the mean of the routes' losses, computed here in float64."""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

FEATURES, HIDDEN = 5, 16

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, FEATURES, low=-0.45, high=0.45),
        "fc1.bias": grade.uniform(HIDDEN, low=0.0, high=0.45),
        "fc2.weight": grade.uniform(1, HIDDEN, low=-0.25, high=0.25),
        "fc2.bias": grade.uniform(1, low=-0.25, high=0.25),
    }


def _days(grade: Grade, *lengths: list[int]) -> dict[str, list[list[torch.Tensor]]]:
    """Days of routes with so many stops each; the delays of a route differ from those of another."""
    features = [[grade.normal(n, FEATURES) for n in day] for day in lengths]
    delays = [[grade.normal(n) + grade.uniform(1, low=0.0, high=4.0) for n in day] for day in lengths]
    return {"features": features, "delays": delays}


def _delays(state: State, stops: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    return (
        torch.relu(stops.double() @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"].T + w["fc2.bias"]
    )[:, 0]


def _loss(state: State, features: list[torch.Tensor], delays: list[torch.Tensor]) -> torch.Tensor:
    routes = zip(features, delays, strict=True)
    return torch.stack([(_delays(state, x) - y.double()).square().mean() for x, y in routes]).mean()


@check("runs", "a day's step runs and returns the mean of the routes' losses")
def a_day_runs(grade: Grade) -> None:
    state, days = _state(grade), _days(grade, [3, 12, 25])
    losses = grade.ask("days", state=state, rate=0.05, momentum=0.0, **days)["losses"]
    want = float(_loss(state, days["features"][0], days["delays"][0]))
    close(losses, [want], "the loss of the day", rtol=1e-3)


@check("symptom", "a day's step moves every weight, and downhill")
def all_weights_train(grade: Grade) -> None:
    state, days = _state(grade), _days(grade, [20])
    states = grade.ask("days", state=state, rate=0.05, momentum=0.0, **days)["states"]
    expect(len(states) == 1, f"a day gives {len(states)} states")
    moved(state, states[0], "a day's step")
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    gradients = torch.autograd.grad(_loss(w, days["features"][0], days["delays"][0]), list(w.values()))
    for name, gradient in zip(w, gradients, strict=True):
        move = state[name].double() - states[0][name].double()
        along = float((move * gradient).sum()) / float(move.norm() * gradient.norm())
        expect(along > 0.99, f"{name} does not move downhill")


@check("behaviour", "days in turn end in the weights and losses of one step a day")
def days_agree(grade: Grade) -> None:
    days = _days(grade, [4, 9, 22], [30, 5], [7, 7, 7, 18])
    got, want = grade.both("days", state=_state(grade), rate=0.03, momentum=0.9, **days)
    close(got["losses"], want["losses"], "losses", rtol=1e-3)
    close(got["states"], want["states"], "weights", rtol=1e-3, atol=2e-5)


@check("cause", "the step of a day follows the gradient of the mean of its routes' losses")
def step_follows_gradient(grade: Grade) -> None:
    rate = 0.1
    for lengths in ([1, 1], [2, 30], [6, 11, 17, 3]):
        state, days = _state(grade), _days(grade, lengths)
        w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
        gradients = torch.autograd.grad(_loss(w, days["features"][0], days["delays"][0]), list(w.values()))
        after = grade.ask("days", state=state, rate=rate, momentum=0.0, **days)["states"][0]
        expect(set(after) == set(state), "the network has other parameters after a step")
        for name, gradient in zip(w, gradients, strict=True):
            move = (state[name].double() - after[name].double()) / rate
            slack = 1e-3 * float(gradient.abs().max()) + 2e-6
            close(move, gradient, f"the step of {name} over the learning rate", rtol=2e-3, atol=slack)


@check("collateral", "a day of a single route works as well")
def single_route(grade: Grade) -> None:
    got, want = grade.both("days", state=_state(grade), rate=0.05, momentum=0.0, **_days(grade, [9], [1]))
    close(got, want, "a day of one route", rtol=1e-3, atol=1e-5)


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state, stops = _state(grade), grade.normal(8, FEATURES)
    got = grade.ask("delays", state=state, stops=stops)["delays"]
    close(got, _delays(state, stops).float(), "delays", rtol=1e-3, atol=1e-5)

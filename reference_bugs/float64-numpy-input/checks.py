"""What must come out: training and predictions on float64 arrays, as exact as float32 is.

Weights and prices are computed here in float64. A program that works in float32 agrees with them to about six
digits, one that works in float64 even better; both are right. One that cuts digits off the data is not.
Where the program's own data are made as float32, that is what it is given.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

State = dict[str, torch.Tensor]

# In 40 draws fixes take the loss from 12.5 (2.4) to 0.8 (0.4), cut-off features to 2.9 (1.1).
FALL = 0.8


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(32, 12, low=-0.28, high=0.28),
        "fc1.bias": grade.uniform(32, low=-0.28, high=0.28),
        "fc2.weight": grade.uniform(1, 32, low=-0.17, high=0.17),
        "fc2.bias": grade.uniform(1, low=-0.17, high=0.17),
    }


def _numbers(grade: Grade, *shape: int) -> torch.Tensor:
    # Float64 numbers that use their digits.
    return torch.randn(*shape, generator=grade.generator(), dtype=torch.float64)


def _prices(w: State, features: torch.Tensor) -> torch.Tensor:
    hidden = torch.relu(features @ w["fc1.weight"].T + w["fc1.bias"])
    return (hidden @ w["fc2.weight"].T + w["fc2.bias"]).squeeze(1)


def _trained(
    state: State, features: torch.Tensor, prices: torch.Tensor, epochs: int, batch_size: int
) -> State:
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    optimizer = torch.optim.SGD(w.values(), lr=0.05)
    for _ in range(epochs):
        for start in range(0, len(features), batch_size):
            optimizer.zero_grad()
            x, y = features[start : start + batch_size], prices[start : start + batch_size]
            F.mse_loss(_prices(w, x), y).backward()
            optimizer.step()
    return {name: tensor.detach() for name, tensor in w.items()}


@check("symptom", "training and predicting run on float64 arrays")
def float64_runs(grade: Grade) -> None:
    features = _numbers(grade, 48, 12)
    inputs = {"state": _state(grade), "features": features, "prices": features.sum(1)}
    answer = grade.ask("train", **inputs, epochs=4, batch_size=16, fresh=features[:5])
    weights, got = answer["weights"], answer["prices"]
    expect(
        {name: tensor.shape for name, tensor in weights.items()}
        == {name: tensor.shape for name, tensor in inputs["state"].items()},
        "the network has other weights than before",
    )
    finite(weights, "weights")
    finite(got, "the prices")
    before, after = (
        float(F.mse_loss(_prices({n: t.double() for n, t in w.items()}, features), inputs["prices"]))
        for w in (inputs["state"], weights)
    )
    expect(after < FALL * before, f"training takes the loss from {before:.2f} to {after:.2f}")
    expect(got.shape == (5,), f"5 houses get prices of the shape {tuple(got.shape)}")


@check("behaviour", "an untrained network predicts from float64 arrays")
def predicts_untrained(grade: Grade) -> None:
    state, features = _state(grade), _numbers(grade, 9, 12)
    got = grade.ask("predict", state=state, features=features)["prices"]
    want = _prices({name: tensor.double() for name, tensor in state.items()}, features)
    close(got, want, "the prices", rtol=1e-4, atol=1e-5)


@check(
    "cause", "training on float64 arrays uses all their digits that float32 holds, for features and prices"
)
def digits_are_kept(grade: Grade) -> None:
    state = _state(grade)
    features, fresh = _numbers(grade, 80, 12), _numbers(grade, 7, 12)
    prices = features @ _numbers(grade, 12) + 0.37
    inputs = {"state": state, "features": features, "prices": prices, "fresh": fresh}
    got = grade.ask("train", **inputs, epochs=2, batch_size=32)
    want = _trained(state, features.double(), prices.double(), 2, 32)
    expect(set(got["weights"]) == set(want), "the network has other weights than before")
    close(got["weights"], want, "weights", rtol=1e-4, atol=2e-5)
    close(got["prices"], _prices(want, fresh.double()), "the prices", rtol=1e-4, atol=1e-4)


@check("cause", "features and prices that differ by a thousandth give different weights")
def small_differences_count(grade: Grade) -> None:
    state, features = _state(grade), _numbers(grade, 16, 12).round()
    prices = features.sum(1)
    base = {"state": state, "epochs": 1, "batch_size": 16, "fresh": features[:2]}
    plain = grade.ask("train", features=features, prices=prices, **base)["weights"]
    for what, x, y in (("features", features + 1e-3, prices), ("prices", features, prices + 1e-3)):
        got = grade.ask("train", features=x, prices=y, **base)["weights"]
        want = _trained(state, x, y, 1, 16)
        close(got, want, f"weights after {what} with small fractions", rtol=1e-4, atol=5e-6)
        expect(not torch.equal(got["fc2.bias"], plain["fc2.bias"]), f"fractions of the {what} change nothing")


@check("collateral", "the data are as they were")
def same_data(grade: Grade) -> None:
    got, want = grade.both("houses", count=20, data_seed=grade.seed())
    close(got, want, "the data", rtol=1e-5, atol=1e-5)

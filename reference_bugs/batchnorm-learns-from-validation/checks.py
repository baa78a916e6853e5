"""What must come out: validation that uses the statistics of training and leaves them as they are.

Everything is compared with the reference on the same batches. Validation data lie far from the training data, so that
statistics that were touched by them, or taken from them, are off by far more than rounding.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

GAUGES, WIDTH = 12, 24

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "hidden.weight": grade.uniform(WIDTH, GAUGES, low=-0.29, high=0.29),
        "hidden.bias": grade.uniform(WIDTH, low=-0.29, high=0.29),
        "norm.weight": grade.uniform(WIDTH, low=0.5, high=1.5),
        "norm.bias": grade.uniform(WIDTH, low=-0.5, high=0.5),
        "norm.running_mean": grade.normal(WIDTH, std=0.3),
        "norm.running_var": grade.uniform(WIDTH, low=0.5, high=1.5),
        "norm.num_batches_tracked": torch.tensor(0),
        "out.weight": grade.uniform(1, WIDTH, low=-0.2, high=0.2),
        "out.bias": grade.uniform(1, low=-0.2, high=0.2),
    }


def _days(grade: Grade) -> dict[str, torch.Tensor]:
    weights = grade.uniform(GAUGES, low=0.05, high=0.2)
    readings, val_readings = grade.normal(48, GAUGES), grade.normal(30, GAUGES) + 1.5
    return {
        "readings": readings,
        "levels": 2 + readings @ weights,
        "val_readings": val_readings,
        "val_levels": 2 + val_readings @ weights,
    }


def _look(grade: Grade, sizes: list[int]) -> tuple[dict[str, object], dict[str, object]]:
    asked = grade.normal(5, GAUGES)
    got, want = grade.both("look", state=_state(grade), asked=asked, batch_sizes=sizes, **_days(grade))
    expect(
        tuple(got["forecasts"].shape) == (len(sizes) + 1, 5),
        f"forecasts for 5 days have the shape {tuple(got['forecasts'].shape[1:])}",
    )
    expect(len(got["errors"]) == len(sizes), f"{len(sizes)} validations give {len(got['errors'])} errors")
    return got, want


@check("symptom", "the forecast for a day is the same before and after a validation")
def looking_changes_no_forecast(grade: Grade) -> None:
    got, want = _look(grade, [10, 10])
    change = float((got["forecasts"] - got["forecasts"][0]).abs().max())
    expect(change < 1e-5, f"the forecast for the same day changes by up to {change:.3f} m after a validation")
    close(got["forecasts"], want["forecasts"], "the forecast after an epoch", rtol=1e-3, atol=1e-4)


@check("cause", "the error is that of the forecasts, whatever days share a batch")
def error_is_of_forecasts(grade: Grade) -> None:
    sizes = [10, 7, 29, 13, 1]
    got, want = _look(grade, sizes)
    for size, error, wanted in zip(sizes, got["errors"], want["errors"], strict=True):
        expect(
            abs(error - wanted) < 1e-3 * wanted + 1e-5,
            f"with batches of {size} the mean error is given as {error:.4f} m; the forecasts' is {wanted:.4f} m",
        )


@check(
    "cause",
    "training with a validation after each epoch ends in the weights and statistics of training alone",
)
def training_is_untouched(grade: Grade) -> None:
    inputs = {"state": _state(grade), "asked": grade.normal(6, GAUGES), "epochs": 4, **_days(grade)}
    got, want = grade.both("train", **inputs)
    state: State = {name: tensor for name, tensor in got["weights"].items() if tensor.is_floating_point()}
    close(
        state, {name: t for name, t in want["weights"].items() if t.is_floating_point()}, rtol=2e-3, atol=2e-4
    )
    close(got["forecast"], want["forecast"], "the forecast after training", rtol=2e-3, atol=5e-4)


@check("collateral", "the network is as it was, in training and in evaluation")
def same_network(grade: Grade) -> None:
    state, readings = _state(grade), grade.normal(9, GAUGES)
    for training in (True, False):
        got, want = grade.both("levels", state=state, readings=readings, training=training)
        close(got["levels"], want["levels"], "the levels", rtol=1e-3, atol=1e-4)

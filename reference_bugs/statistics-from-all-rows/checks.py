"""What must come out: days standardised by the mean and the spread of the training days alone.

A standard deviation may be that of a sample or of a population; whichever a program takes, test days must be mapped
as the training days are.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

COLUMNS, HIDDEN = 7, 16
# Days, and the share of them for training.
SPLITS = ((40, 0.75), (60, 0.5), (120, 0.8))

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, COLUMNS, low=-0.38, high=0.38),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.38, high=0.38),
        "fc2.weight": grade.uniform(1, HIDDEN, low=-0.25, high=0.25),
        "fc2.bias": grade.uniform(1, low=-0.25, high=0.25),
    }


def _days(grade: Grade, count: int, gain: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    scale = torch.tensor([8.0, 3.0, 40.0, 55.0, 25.0, 70.0, 30.0])
    return gain * scale * (2 + grade.normal(count, COLUMNS)), grade.uniform(count, low=0.3, high=2.5)


def _prepared(grade: Grade, count: int, share: float) -> tuple[dict[str, torch.Tensor], ...]:
    """What the program makes of days twice, with the same training days and other test days, and what must come out.

    What must come out is given by a sample's standard deviation and by a population's.
    """
    cut = int(share * count)
    features, levels = _days(grade, count)
    answers = []
    for gain in (3.0, 0.2):
        rest_features, rest_levels = _days(grade, count - cut, gain)
        days = torch.cat([features[:cut], rest_features]), torch.cat([levels[:cut], rest_levels])
        got = grade.ask("prepare", features=days[0], levels=days[1], train_share=share)
        want: dict[str, torch.Tensor] = {"train_levels": days[1][:cut], "test_levels": days[1][cut:]}
        for correction in (0, 1):
            x = days[0].double()
            x = (x - x[:cut].mean(0)) / x[:cut].std(0, correction=correction)
            want |= {
                f"train_features{correction}": x[:cut].float(),
                f"test_features{correction}": x[cut:].float(),
            }
        answers += [got, want]
    return tuple(answers)


def _near(got: torch.Tensor, want: torch.Tensor) -> bool:
    return got.shape == want.shape and torch.allclose(got, want, rtol=1e-3, atol=2e-3)


@check("symptom", "training days come out the same, standardised, whatever the test days are")
def training_days_stand_alone(grade: Grade) -> None:
    for count, share in SPLITS:
        got, want, other, _ = _prepared(grade, count, share)
        a, b = got["train_features"], other["train_features"]
        cut = len(want["train_levels"])
        expect(a.shape == b.shape == (cut, COLUMNS), f"of {count} days {len(a)} are for training, not {cut}")
        expect(_near(a, b), f"with other test days the {cut} training days come out otherwise")
        expect(
            any(_near(a, want[f"train_features{correction}"]) for correction in (0, 1)),
            "the training days have not a mean of 0 and a standard deviation of 1",
        )


@check("cause", "test days are standardised by the training days' mean and standard deviation")
def test_days_follow_training_days(grade: Grade) -> None:
    for count, share in SPLITS:
        for got, want in zip(*[iter(_prepared(grade, count, share))] * 2, strict=True):
            fits = [
                _near(got["train_features"], want[f"train_features{correction}"])
                and _near(got["test_features"], want[f"test_features{correction}"])
                for correction in (0, 1)
            ]
            expect(any(fits), "the test days are not mapped as the training days are")


@check("collateral", "days stay in their order with their levels")
def levels_stay(grade: Grade) -> None:
    for count, share in SPLITS:
        got, want, _, _ = _prepared(grade, count, share)
        for name in ("train_levels", "test_levels"):
            close(got[name], want[name], name.replace("_", " "))


@check("collateral", "training ends in the weights that it ended in")
def same_training(grade: Grade) -> None:
    inputs = {
        "state": _state(grade),
        "features": grade.normal(40, COLUMNS),
        "levels": grade.uniform(40),
        "steps": 6,
    }
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=1e-4)


@check("collateral", "the error is the mean distance of forecasts from levels")
def same_error(grade: Grade) -> None:
    state, features, levels = _state(grade), grade.normal(30, COLUMNS), grade.uniform(30, low=2.0, high=4.0)
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.tanh(features.double() @ w["fc1.weight"].T + w["fc1.bias"])
    want = float((hidden @ w["fc2.weight"][0] + w["fc2.bias"] - levels).abs().mean())
    got = grade.ask("mean_error", state=state, features=features, levels=levels)["error"]
    expect(abs(got - want) < 1e-4, f"the error is {want:.4f}, but is given as {got:.4f}")

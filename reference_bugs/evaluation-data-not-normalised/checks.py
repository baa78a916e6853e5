"""What must come out: new roasts, few or many, standardised by the mean and the spread of the roasts of training.

Grades are computed here in float64 from the layers that came back. Roasts whose grade hangs on whether the spread is
that of a sample or of a population are left out.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, expect, finite, same_form

COLUMNS, HIDDEN, GRADES = 5, 24, 3
COUNT, NEW = 200, 160

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "0.weight": grade.uniform(HIDDEN, COLUMNS, low=-0.45, high=0.45),
        "0.bias": grade.uniform(HIDDEN, low=-0.45, high=0.45),
        "2.weight": grade.uniform(GRADES, HIDDEN, low=-0.2, high=0.2),
        "2.bias": grade.uniform(GRADES, low=-0.2, high=0.2),
    }


def _case(grade: Grade, shifted: bool = False) -> dict[str, torch.Tensor]:
    """Roasts in units that differ from draw to draw, their grades, and new ones, shifted or from where they are."""
    z = grade.normal(COUNT + NEW, COLUMNS)
    if shifted:
        z[COUNT:] = 0.6 * z[COUNT:] + grade.uniform(COLUMNS, low=-0.8, high=0.8)
    usual, spread = grade.uniform(COLUMNS, low=50.0, high=200.0), grade.uniform(COLUMNS, low=2.0, high=15.0)
    grades = torch.bucketize(z[:, 0] - z[:, 1] + 0.5 * z[:, 3], torch.tensor([-0.8, 0.8]))
    roasts = usual + spread * z
    return {
        "roasts": roasts[:COUNT],
        "grades": grades[:COUNT],
        "new": roasts[COUNT:],
        "wanted": grades[COUNT:],
    }


def _scores(layers: State, seen: torch.Tensor, roasts: torch.Tensor, correction: int) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in layers.items()}
    x = (roasts.double() - seen.double().mean(0)) / seen.double().std(0, correction=correction)
    return torch.relu(x @ w["0.weight"].T + w["0.bias"]) @ w["2.weight"].T + w["2.bias"]


def _agreement(grade: Grade, case: dict[str, torch.Tensor], size: int, epochs: int) -> tuple[float, float]:
    """The share of new roasts with the grade that the trained network gives them, and the share that is graded right."""
    state = _state(grade)
    inputs = {name: case[name] for name in ("roasts", "grades", "new")}
    got = grade.ask("predict", state=state, epochs=epochs, size=size, **inputs)
    layers, predicted = got["layers"], got["predicted"]
    same_form(layers, state, "the network has other linear layers than before")
    finite(layers, "training")
    expect(predicted.shape == (NEW,), f"{NEW} roasts get {predicted.numel()} grades")
    scores = _scores(layers, case["roasts"], case["new"], 1)
    best = scores.topk(2, 1).values
    wobble = (scores - _scores(layers, case["roasts"], case["new"], 0)).abs().max(1).values
    sure = best[:, 0] - best[:, 1] > 4 * wobble + 1e-3
    expect(int(sure.sum()) > NEW // 2, "the trained network scores most roasts alike for every grade")
    right = float((predicted == case["wanted"]).double().mean())
    return float((predicted == scores.argmax(1))[sure].double().mean()), right


@check(
    "symptom",
    "roasts like those of training get the grades that the trained network gives them, mostly right",
)
def training_carries_over(grade: Grade) -> None:
    # Of 24 draws right fixes grade 91 to 98 % right; raw roasts give 38 % on average and at most 64 %, with weight decay
    # 82 % once (standard deviation 14 %). So the worst of three draws counts.
    for _ in range(3):
        same, right = _agreement(grade, _case(grade), NEW, epochs=80)
        expect(right > 0.7, f"{right:.0%} of new roasts like those of training are graded right")
        expect(same > 0.8, f"{same:.0%} of new roasts get the grade that the trained network gives them")


@check("cause", "new roasts are standardised as those of training were, many at once and one by one")
def new_roasts_are_standardised_alike(grade: Grade) -> None:
    for size, how in ((NEW, "at once"), (1, "one by one")):
        # So many epochs let the running statistics of a BatchNorm layer settle to what a float holds.
        same, _ = _agreement(grade, _case(grade, shifted=True), size, epochs=150)
        expect(
            same == 1.0,
            f"asked for {how}, {1 - same:.0%} of new roasts get another grade than the trained network's",
        )


@check("behaviour", "training still standardises, and takes the steps that it took")
def same_training(grade: Grade) -> None:
    case, state = _case(grade), _state(grade)
    inputs = {"state": state, "roasts": case["roasts"], "grades": case["grades"], "epochs": 5}
    got, want = (answer["layers"] for answer in grade.both("fit", **inputs))
    same_form(got, want, "the network has other linear layers than before")
    finite(got, "training")
    off = sum(float((got[name].double() - want[name].double()).square().sum()) for name in want)
    moved = sum(float((want[name].double() - state[name].double()).square().sum()) for name in want)
    share = (off / moved) ** 0.5
    # Right fixes are off by 0.4 % where they take the other standard deviation; weight decay by 7 % and more.
    expect(share < 0.02, f"after 5 epochs the weights are off by {share:.0%} of their way")

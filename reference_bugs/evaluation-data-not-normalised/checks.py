"""What must come out: new roasts, few or many, on the scale that each column of the roasts of training was brought to.

Standardising is what the program does; another scale that serves, such as the range -1 to 1, is as right, if it is one in
training and afterwards. It is read off what the network was given in training. Steps and grades are computed here in
float64. Roasts whose grade hangs on whether the spread is that of a sample or of a population are left out.
"""

import torch
import torch.nn.functional as F

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


def _scaled(given: torch.Tensor, roasts: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """New roasts on the scale on which the network was given those of training."""
    expect(
        given.shape == roasts.shape, "training does not give the network all roasts with their five columns"
    )
    seen, given = roasts.double(), given.double()
    centred = seen - seen.mean(0)
    slope = (centred * given).sum(0) / centred.square().sum(0)
    # Standardised columns have a mean of 0 and a spread of 1; the range 0 to 1 means about 0.5 and 0.18.
    fit = bool((given.mean(0).abs() < 1).all() and (given.std(0) > 0.1).all() and (given.std(0) < 3).all())
    expect(fit, "training gives the network columns that are not around 0 with a spread of about 1")
    expect(
        float((given.mean(0) + slope * centred - given).abs().max()) < 1e-3,
        "training does not bring each column of all roasts to one scale",
    )
    return given.mean(0) + slope * (new.double() - seen.mean(0))


def _scores(layers: State, x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x @ layers["0.weight"].T + layers["0.bias"]) @ layers["2.weight"].T + layers["2.bias"]


def _steps(state: State, x: torch.Tensor, grades: torch.Tensor, epochs: int) -> State:
    """The layers after so many steps on all roasts as the program takes them."""
    layers = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    optimizer = torch.optim.SGD(list(layers.values()), lr=0.2, momentum=0.9)
    for _ in range(epochs):
        optimizer.zero_grad()
        F.cross_entropy(_scores(layers, x), grades).backward()
        optimizer.step()
    return {name: tensor.detach() for name, tensor in layers.items()}


def _agreement(grade: Grade, case: dict[str, torch.Tensor], size: int, epochs: int) -> tuple[float, float]:
    """The share of new roasts with the grade that the trained network gives them, and the share that is graded right."""
    state = _state(grade)
    inputs = {name: case[name] for name in ("roasts", "grades", "new")}
    got = grade.ask("predict", state=state, epochs=epochs, size=size, **inputs)
    predicted = got["predicted"]
    same_form(got["layers"], state, "the network has other linear layers than before")
    finite(got["layers"], "training")
    expect(predicted.shape == (NEW,), f"{NEW} roasts get {predicted.numel()} grades")
    layers = {name: tensor.double() for name, tensor in got["layers"].items()}
    x, centre = _scaled(got["given"], case["roasts"], case["new"]), got["given"].double().mean(0)
    scores = _scores(layers, x)
    best = scores.topk(2, 1).values
    other = _scores(layers, centre + (x - centre) * (1 - 1 / COUNT) ** 0.5)
    sure = best[:, 0] - best[:, 1] > 4 * (scores - other).abs().max(1).values + 1e-3
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


@check("cause", "new roasts are brought to the scale of those of training, many at once and one by one")
def new_roasts_are_standardised_alike(grade: Grade) -> None:
    for size, how in ((NEW, "at once"), (1, "one by one")):
        # So many epochs let the running statistics of a BatchNorm layer settle to what a float holds.
        same, _ = _agreement(grade, _case(grade, shifted=True), size, epochs=150)
        expect(
            same == 1.0,
            f"asked for {how}, {1 - same:.0%} of new roasts get another grade than the trained network's",
        )


@check("behaviour", "training still brings the columns to one scale, and takes the steps that it took")
def same_training(grade: Grade) -> None:
    case, state = _case(grade), _state(grade)
    got = grade.ask("fit", state=state, roasts=case["roasts"], grades=case["grades"], epochs=5)
    same_form(got["layers"], state, "the network has other linear layers than before")
    finite(got["layers"], "training")
    want = _steps(state, _scaled(got["given"], case["roasts"], case["roasts"]), case["grades"], epochs=5)
    off = sum(float((got["layers"][name].double() - want[name]).square().sum()) for name in want)
    moved = sum(float((want[name] - state[name].double()).square().sum()) for name in want)
    share = (off / moved) ** 0.5
    # Right fixes are off by less than 0.01 %; weight decay by 7 % and more.
    expect(share < 0.02, f"after 5 epochs the weights are off by {share:.0%} of their way")

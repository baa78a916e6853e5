"""What must come out: scores of each wash from all of its own minutes, and nothing else.

Scores are computed here in float64. Weights after training are compared with the reference's.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

HIDDEN, PROGRAMMES = 16, 3

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    bias = grade.normal(4 * HIDDEN, std=0.2)
    bias[HIDDEN : 2 * HIDDEN] += 2.0  # minutes are remembered to the end
    return {
        "lstm.weight_ih_l0": grade.normal(4 * HIDDEN, 1, std=0.7),
        "lstm.weight_hh_l0": grade.normal(4 * HIDDEN, HIDDEN, std=0.3),
        "lstm.bias_ih_l0": bias,
        "lstm.bias_hh_l0": grade.normal(4 * HIDDEN, std=0.2),
        "head.weight": grade.normal(PROGRAMMES, HIDDEN, std=0.6),
        "head.bias": grade.normal(PROGRAMMES, std=0.2),
    }


def _scores(state: State, power: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    power = power.double()
    hidden = cell = torch.zeros(len(power), HIDDEN, dtype=torch.float64)
    for t in range(power.shape[1]):
        gates = power[:, t] @ w["lstm.weight_ih_l0"].T + w["lstm.bias_ih_l0"]
        i, f, g, o = (gates + hidden @ w["lstm.weight_hh_l0"].T + w["lstm.bias_hh_l0"]).chunk(4, 1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
    return hidden @ w["head.weight"].T + w["head.bias"]


def _ask(grade: Grade, state: State, power: torch.Tensor, training: bool = False) -> torch.Tensor:
    got: torch.Tensor = grade.ask("scores", state=state, power=power, training=training)["scores"]
    shape = tuple(got.shape)
    expect(shape == (len(power), PROGRAMMES), f"{len(power)} washes get scores of the shape {shape}")
    finite(got, "a score")
    return got.double()


@check("symptom", "a wash gets the same scores by itself, beside others, and in another order")
def washes_are_alone(grade: Grade) -> None:
    state, power = _state(grade), grade.normal(6, 9, 1)
    together = _ask(grade, state, power)
    spread = float((together - together[0]).abs().max())
    expect(spread > 1e-3, "all washes get the same scores")
    turned = _ask(grade, state, power.flip(0)).flip(0)
    gap = float((turned - together).abs().max())
    expect(gap < 1e-4, f"scores change by up to {gap:.2g} when the washes come in another order")
    for i in (0, 3, 5):
        gap = float((_ask(grade, state, power[i : i + 1]) - together[i]).abs().max())
        expect(gap < 1e-4, f"the scores of a wash by itself are off by {gap:.2g} from those beside others")


@check("behaviour", "the scores of a wash come from all its minutes in their order")
def every_minute_counts(grade: Grade) -> None:
    for count, minutes, training in ((5, 12, False), (1, 7, True), (9, 4, True)):
        state, power = _state(grade), grade.normal(count, minutes, 1)
        got = _ask(grade, state, power, training)
        close(got, _scores(state, power), "the scores", rtol=1e-3, atol=1e-4)


def _apart(grade: Grade) -> float:
    """How far weights after training are from the reference's, as a share of the way."""
    state, power, programme = _state(grade), grade.normal(20, 8, 1), grade.integers(0, PROGRAMMES, 20)
    inputs = {"state": state, "power": power, "programme": programme, "epochs": 3, "batch_size": 6}
    got, want = (answer["weights"] for answer in grade.both("train", **inputs))
    same_form(got, want, "the network has other parameters than before")
    finite(got, "after training")
    off = sum(float((got[name].double() - want[name].double()).square().sum()) for name in want)
    way = sum(float((want[name].double() - state[name].double()).square().sum()) for name in want)
    return (off / way) ** 0.5


@check("cause", "training makes the steps of washes that are read minute by minute")
def training_reads_minutes(grade: Grade) -> None:
    # Adam may turn the rounding of a gradient near zero into a step of its own; so the better one of two draws counts.
    share = min(_apart(grade) for _ in range(2))
    expect(share < 0.02, f"training is off by {share:.1%} of its way")


@check("collateral", "the programme of a wash is that of its highest score")
def same_programmes(grade: Grade) -> None:
    state, power = _state(grade), grade.normal(60, 6, 1)
    scores = _scores(state, power)
    best = scores.topk(2).values
    sure = best[:, 0] - best[:, 1] > 1e-2
    got = grade.ask("predict", state=state, power=power[sure])["programmes"]
    close(got, scores.argmax(1)[sure], "the programmes")

"""What must come out: the likeliest bell after all bells before it, each at the same cost.

Costs are values that torch reads and writes, never times. Bells are judged by scores that are computed here in float64 from
all bells before them; a bell may be one whose score is within 1e-4 of the highest.
"""

from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

State = dict[str, torch.Tensor]
BELLS, WIDTH = 12, 24


def _state(grade: Grade) -> State:
    return {
        "embed.weight": grade.normal(BELLS, WIDTH),
        "gru.weight_ih_l0": grade.normal(3 * WIDTH, WIDTH, std=0.3),
        "gru.weight_hh_l0": grade.normal(3 * WIDTH, WIDTH, std=0.3),
        "gru.bias_ih_l0": grade.normal(3 * WIDTH, std=0.2),
        "gru.bias_hh_l0": grade.normal(3 * WIDTH, std=0.2),
        "head.weight": grade.normal(BELLS, WIDTH),
        "head.bias": grade.normal(BELLS, std=0.2),
    }


def _scores(state: State, rung: torch.Tensor) -> torch.Tensor:
    """Scores after each bell (B, T, 12), by the equations of the GRU."""
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.zeros(len(rung), WIDTH, dtype=torch.float64)
    scores = []
    for bells in rung.T:
        x = w["embed.weight"][bells] @ w["gru.weight_ih_l0"].T + w["gru.bias_ih_l0"]
        h = hidden @ w["gru.weight_hh_l0"].T + w["gru.bias_hh_l0"]
        (xr, xz, xn), (hr, hz, hn) = x.chunk(3, dim=1), h.chunk(3, dim=1)
        update = torch.sigmoid(xz + hz)
        hidden = (1 - update) * torch.tanh(xn + torch.sigmoid(xr + hr) * hn) + update * hidden
        scores.append(hidden @ w["head.weight"].T + w["head.bias"])
    return torch.stack(scores, dim=1)


def _judge(state: State, rung: torch.Tensor, bells: torch.Tensor, count: int) -> None:
    """Each new bell (B, count) must be the likeliest after all bells before it."""
    rows, before = rung.shape
    expect(tuple(bells.shape) == (rows, count), f"the new bells have the shape {tuple(bells.shape)}")
    expect(bool(((bells >= 0) & (bells < BELLS)).all()), "a new bell is none of the twelve")
    scores = _scores(state, torch.cat([rung, bells], dim=1))[:, before - 1 : -1]
    lost = scores.amax(dim=2) - scores.gather(2, bells[:, :, None])[:, :, 0]
    wrong = int((lost > 1e-4).any(dim=0).int().argmax()) if bool((lost > 1e-4).any()) else -1
    expect(wrong < 0, f"new bell {wrong + 1} is not the likeliest after all bells before it")


def _rung(grade: Grade, rows: int, before: int, count: int) -> dict[str, Any]:
    """A peal that is rung on, with each new bell judged."""
    state, rung = _state(grade), grade.integers(0, BELLS, rows, before)
    got = grade.ask("ring", state=state, rung=rung, count=count)
    _judge(state, rung, got["bells"], count)
    return got


@check("symptom", "late bells cost no more than early ones")
def late_bells_cost_the_same(grade: Grade) -> None:
    short, long = (_rung(grade, rows=1, before=4, count=count)["work"] for count in (10, 40))
    # One bell reads the weights of the network once, about 4,000 values; right programs took 5,700 to 6,700 for a bell.
    each = (long - short) / 30
    expect(4000 < short / 10 < 15000, f"each of 10 bells reads and writes {short / 10:.0f} values")
    expect(
        4000 < each < 15000,
        f"each bell after the 10th reads and writes {each:.0f} values, one before {short / 10:.0f}",
    )
    expect(
        each < 1.15 * short / 10,
        f"bells 11 to 40 read and write {each:.0f} values each, the first 10 {short / 10:.0f}",
    )


@check("behaviour", "each new bell is the likeliest after all bells before it, in every row")
def bells_are_right(grade: Grade) -> None:
    for rows, before, count in ((3, 6, 12), (2, 1, 30), (1, 25, 1)):
        _rung(grade, rows, before, count)


@check("behaviour", "a network that rang one peal rings the next as if it were the first")
def peals_do_not_mix(grade: Grade) -> None:
    state = _state(grade)
    peals = [grade.integers(0, BELLS, rows, before) for rows, before in ((2, 9), (2, 9), (1, 5))]
    got = grade.ask("in_turn", state=state, peals=peals, count=12)["bells"]
    expect(len(got) == len(peals), f"{len(peals)} peals give new bells for {len(got)}")
    for rung, new in zip(peals, got, strict=True):
        expect(set(new) == {"bells"}, "a peal gives something else than new bells")
        _judge(state, rung, new["bells"], 12)


@check("cause", "a bell costs as much after a long peal as after a short one, in every row")
def length_does_not_count(grade: Grade) -> None:
    costs = []
    for before in (2, 50):
        few, many = (_rung(grade, rows=2, before=before, count=count)["work"] for count in (4, 16))
        costs.append((many - few) / 12)
    expect(
        all(4000 < cost < 15000 for cost in costs),
        f"a bell reads and writes {costs[0]:.0f} or {costs[1]:.0f} values",
    )
    expect(
        costs[1] < 1.15 * costs[0],
        f"a bell after 50 reads and writes {costs[1]:.0f} values, after two {costs[0]:.0f}",
    )


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state, rung = _state(grade), grade.integers(0, BELLS, 4, 9)
    got = grade.ask("scores", state=state, rung=rung)["scores"]
    close(got, _scores(state, rung).float(), "scores", rtol=1e-3, atol=1e-4)

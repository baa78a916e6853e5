"""What must come out: a loss of the stitch that follows each place, and steps along its gradient.

Scores, losses and gradients are computed here in float64. Weights after training are compared with the reference's.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import (
    Grade,
    check,
    close,
    expect,
    finite,
    same_form,
    same_gradients,
)

STITCHES, WIDTH = 8, 24

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "embed.weight": grade.normal(STITCHES, WIDTH),
        "rnn.weight_ih_l0": grade.normal(3 * WIDTH, WIDTH, std=0.25),
        "rnn.weight_hh_l0": grade.normal(3 * WIDTH, WIDTH, std=0.25),
        "rnn.bias_ih_l0": grade.normal(3 * WIDTH, std=0.1),
        "rnn.bias_hh_l0": grade.normal(3 * WIDTH, std=0.1),
        "head.weight": grade.normal(STITCHES, WIDTH, std=0.5),
        "head.bias": grade.normal(STITCHES, std=0.2),
    }


def _scores(w: State, rows: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in w.items()}
    hidden, out = torch.zeros(len(rows), WIDTH, dtype=torch.float64), []
    for t in range(rows.shape[1]):
        x = w["embed.weight"][rows[:, t]] @ w["rnn.weight_ih_l0"].T + w["rnn.bias_ih_l0"]
        h = hidden @ w["rnn.weight_hh_l0"].T + w["rnn.bias_hh_l0"]
        (xr, xz, xn), (hr, hz, hn) = x.chunk(3, 1), h.chunk(3, 1)
        z = torch.sigmoid(xz + hz)
        hidden = (1 - z) * torch.tanh(xn + torch.sigmoid(xr + hr) * hn) + z * hidden
        out.append(hidden @ w["head.weight"].T + w["head.bias"])
    return torch.stack(out, 1)


def _loss(w: State, rows: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(_scores(w, rows)[:, :-1].transpose(1, 2), rows[:, 1:])


@check("symptom", "the loss is that of the stitch which follows each place")
def loss_is_of_the_next_stitch(grade: Grade) -> None:
    for length in (2, 9, 14):
        state, rows = _state(grade), grade.integers(0, STITCHES, 6, length)
        got, want = grade.ask("loss", state=state, rows=rows)["loss"], _loss(state, rows).item()
        close(got, want, f"the loss of rows of {length} stitches", rtol=1e-3)


@check("cause", "the gradient is that of the stitch which follows each place")
def gradients_are_right(grade: Grade) -> None:
    state, rows = _state(grade), grade.integers(0, STITCHES, 5, 8)
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    got = grade.ask("loss", state=state, rows=rows)["gradients"]
    want = dict(zip(w, torch.autograd.grad(_loss(w, rows), list(w.values())), strict=True))
    same_gradients(got, want, rtol=1e-2, slack=1e-3)


def _apart(grade: Grade) -> float:
    """How far weights after training are from the reference's, as a share of the way."""
    state, rows = _state(grade), grade.integers(0, STITCHES, 20, 9)
    got, want = (
        answer["weights"] for answer in grade.both("train", state=state, rows=rows, epochs=3, batch_size=6)
    )
    same_form(got, want, "the network has other parameters than before")
    finite(got, "after training")
    off = sum(float((got[name].double() - want[name].double()).square().sum()) for name in want)
    way = sum(float((want[name].double() - state[name].double()).square().sum()) for name in want)
    return (off / way) ** 0.5


@check("cause", "training makes the steps of this loss")
def training_follows_the_loss(grade: Grade) -> None:
    # Adam may turn the rounding of a gradient near zero into a step of its own; so the better one of two draws counts.
    share = min(_apart(grade) for _ in range(2))
    expect(share < 0.02, f"training is off by {share:.1%} of its way")


@check("collateral", "the scores at each place are those of the network over the stitches up to it")
def same_scores(grade: Grade) -> None:
    state, rows = _state(grade), grade.integers(0, STITCHES, 4, 11)
    got = grade.ask("scores", state=state, rows=rows)["scores"]
    close(got, _scores(state, rows), "the scores", rtol=1e-3, atol=1e-4)


@check("collateral", "a row goes on with the likeliest stitch after each other one")
def same_rows(grade: Grade) -> None:
    state, rows, steps = _state(grade), grade.integers(0, STITCHES, 40, 5), 4
    want, sure = rows, torch.ones(len(rows), dtype=torch.bool)
    for _ in range(steps):
        scores = _scores(state, want)[:, -1]
        best = scores.topk(2).values
        sure &= best[:, 0] - best[:, 1] > 1e-2
        want = torch.cat([want, scores.argmax(1, keepdim=True)], 1)
    expect(bool(sure.any()), "no row is sure")
    got = grade.ask("knit", state=state, rows=rows[sure], count=steps)["rows"]
    close(got, want[sure], "the rows")

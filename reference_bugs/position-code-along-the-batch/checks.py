"""What must come out: scores of each evening by itself, with the code of a minute added to that minute.

Scores are computed here in float64. Weights after training are compared with the reference's.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

BELLS, WIDTH, HEADS, INNER = 6, 16, 2, 32

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "embed.weight": grade.normal(BELLS, WIDTH),
        "encode.self_attn.in_proj_weight": grade.normal(3 * WIDTH, WIDTH, std=0.35),
        "encode.self_attn.in_proj_bias": grade.normal(3 * WIDTH, std=0.2),
        "encode.self_attn.out_proj.weight": grade.normal(WIDTH, WIDTH, std=0.3),
        "encode.self_attn.out_proj.bias": grade.normal(WIDTH, std=0.2),
        "encode.linear1.weight": grade.normal(INNER, WIDTH, std=0.4),
        "encode.linear1.bias": grade.normal(INNER, std=0.2),
        "encode.linear2.weight": grade.normal(WIDTH, INNER, std=0.3),
        "encode.linear2.bias": grade.normal(WIDTH, std=0.2),
        "encode.norm1.weight": 1 + grade.normal(WIDTH, std=0.2),
        "encode.norm1.bias": grade.normal(WIDTH, std=0.2),
        "encode.norm2.weight": 1 + grade.normal(WIDTH, std=0.2),
        "encode.norm2.bias": grade.normal(WIDTH, std=0.2),
        "head.weight": grade.normal(2, WIDTH, std=0.5),
        "head.bias": grade.normal(2, std=0.2),
    }


def _scores(state: State, bells: torch.Tensor) -> torch.Tensor:
    w = {name.removeprefix("encode."): tensor.double() for name, tensor in state.items()}
    rows, length = bells.shape
    angle = torch.arange(length)[:, None] * torch.exp(torch.arange(0, WIDTH, 2) * (-4.0 / WIDTH)).double()
    x = w["embed.weight"][bells] + torch.stack([angle.sin(), angle.cos()], -1).reshape(length, WIDTH)
    three = x @ w["self_attn.in_proj_weight"].T + w["self_attn.in_proj_bias"]
    q, k, v = (part.reshape(rows, length, HEADS, -1).transpose(1, 2) for part in three.chunk(3, -1))
    seen = torch.softmax(q @ k.transpose(2, 3) / (WIDTH / HEADS) ** 0.5, -1) @ v
    seen = seen.transpose(1, 2).reshape(rows, length, WIDTH)
    x = x + seen @ w["self_attn.out_proj.weight"].T + w["self_attn.out_proj.bias"]
    x = F.layer_norm(x, (WIDTH,), w["norm1.weight"], w["norm1.bias"])
    inner = torch.relu(x @ w["linear1.weight"].T + w["linear1.bias"])
    x = x + inner @ w["linear2.weight"].T + w["linear2.bias"]
    x = F.layer_norm(x, (WIDTH,), w["norm2.weight"], w["norm2.bias"])
    return x.mean(1) @ w["head.weight"].T + w["head.bias"]


def _ask(grade: Grade, state: State, bells: torch.Tensor, training: bool) -> torch.Tensor:
    got: torch.Tensor = grade.ask("scores", state=state, bells=bells, training=training)["scores"]
    expect(got.shape == (len(bells), 2), f"{len(bells)} evenings get scores of the shape {tuple(got.shape)}")
    finite(got, "a score")
    return got.double()


@check("symptom", "an evening gets the same scores by itself and at any row of a list")
def evenings_are_alone(grade: Grade) -> None:
    for training in (True, False):
        state, bells = _state(grade), grade.integers(0, BELLS, 7, 9)
        together = _ask(grade, state, bells, training)
        spread = float((together - together[0]).abs().max())
        expect(spread > 1e-3, "all evenings get the same scores")
        turned = _ask(grade, state, bells.flip(0), training).flip(0)
        gap = float((turned - together).abs().max())
        expect(gap < 1e-3, f"the scores of an evening change by up to {gap:.2g} with its row in the list")
        gap = float((_ask(grade, state, bells[4:5], training) - together[4]).abs().max())
        expect(gap < 1e-3, f"the scores of an evening by itself are off by {gap:.2g} from those in a list")


@check("behaviour", "the scores of an evening change with the order of its bells")
def order_of_bells_counts(grade: Grade) -> None:
    state, bells = _state(grade), grade.integers(0, BELLS, 8, 10)
    other = bells[:, torch.randperm(10, generator=grade.generator())]
    want = _scores(state, bells) - _scores(state, other)
    got = _ask(grade, state, bells, False) - _ask(grade, state, other, False)
    close(got, want, "the change of scores by another order", rtol=1e-2, atol=2e-3)


@check("cause", "each minute gets the code of its place")
def minutes_get_their_code(grade: Grade) -> None:
    for rows, length, training in ((5, 12, False), (12, 5, True), (1, 40, False), (6, 6, True)):
        state, bells = _state(grade), grade.integers(0, BELLS, rows, length)
        got = _ask(grade, state, bells, training)
        close(got, _scores(state, bells), "the scores", rtol=1e-3, atol=5e-4)


def _apart(grade: Grade) -> float:
    """How far weights after training are from the reference's, as a share of the way."""
    state, bells, first = _state(grade), grade.integers(0, BELLS, 20, 8), grade.integers(0, 2, 20)
    inputs = {"state": state, "bells": bells, "first": first, "epochs": 2, "batch_size": 8}
    got, want = (answer["weights"] for answer in grade.both("train", **inputs))
    same_form(got, state, "the network has other parameters than before")
    finite(got, "after training")
    for weights in (got, want):
        # The bias of the keys takes part in nothing: it shifts all scores of a place alike.
        name = "encode.self_attn.in_proj_bias"
        weights[name][WIDTH : 2 * WIDTH] = state[name][WIDTH : 2 * WIDTH]
    off = sum(float((got[name].double() - want[name].double()).square().sum()) for name in want)
    way = sum(float((want[name].double() - state[name].double()).square().sum()) for name in want)
    return (off / way) ** 0.5


@check("cause", "training makes the steps of evenings whose minutes have their code")
def training_sees_the_order(grade: Grade) -> None:
    # Adam may turn the rounding of a gradient near zero into a step of its own; so the better one of two draws counts.
    share = min(_apart(grade) for _ in range(2))
    expect(share < 0.02, f"training is off by {share:.1%} of its way")


@check("collateral", "the answer is the bell of the higher score")
def same_answers(grade: Grade) -> None:
    state, bells = _state(grade), grade.integers(0, BELLS, 60, 7)
    state["head.bias"] *= 0
    scores = _scores(state, bells)
    # Put between the two halves, so that both answers occur.
    state["head.bias"][0] = -float((scores[:, 0] - scores[:, 1]).median())
    scores = _scores(state, bells)
    sure = (scores[:, 0] - scores[:, 1]).abs() > 1e-2
    got = grade.ask("answers", state=state, bells=bells[sure])["first"]
    close(got, scores.argmax(1)[sure], "the answers")

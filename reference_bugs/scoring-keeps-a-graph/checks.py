"""What must come out: errors and weights computed here in float64, and nothing kept for a backward pass while scoring.

That nothing is kept could be said by a program that does nothing, so it counts together with errors that are right, and with
what training keeps: at least the inputs and the hidden values of each batch.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

State = dict[str, torch.Tensor]
READINGS, WIDTH = 9, 32


def _forward(w: State, x: torch.Tensor) -> torch.Tensor:
    hidden = torch.tanh(x @ w["enter.weight"].T + w["enter.bias"])
    return (hidden @ w["leave.weight"].T + w["leave.bias"]).squeeze(1)


def _scored(grade: Grade, rows: int, batch_size: int, rounds: int, lr: float = 0.1) -> list[float]:
    """Scores and trains in turn; errors and weights are compared, and what was kept is returned."""
    state = {
        "enter.weight": grade.normal(WIDTH, READINGS, std=0.3),
        "enter.bias": grade.normal(WIDTH, std=0.3),
        "leave.weight": grade.normal(1, WIDTH, std=0.3),
        "leave.bias": grade.normal(1, std=0.3),
    }
    x, y = grade.normal(rows, READINGS), grade.normal(rows)
    inputs = {"readings": x, "depths": y, "batch_size": batch_size, "rounds": rounds, "lr": lr}
    got = grade.ask("score", state=state, **inputs)
    w = {name: tensor.double() for name, tensor in state.items()}
    errors = [float((_forward(w, x.double()) - y).abs().mean())]
    for _ in range(rounds):
        for xs, ys in zip(x.double().split(batch_size), y.double().split(batch_size), strict=True):
            leaves = {name: tensor.detach().requires_grad_() for name, tensor in w.items()}
            slopes = torch.autograd.grad(F.mse_loss(_forward(leaves, xs), ys), list(leaves.values()))
            w = {name: tensor - lr * slope for (name, tensor), slope in zip(w.items(), slopes, strict=True)}
        errors.append(float((_forward(w, x.double()) - y).abs().mean()))
    # Once more with a dropout that would drop everything, which counts in training mode alone.
    close(got["errors"], [*errors, errors[-1]], "the error", rtol=1e-3, atol=1e-4)
    close(
        got["weights"], {name: tensor.float() for name, tensor in w.items()}, "weights", rtol=1e-3, atol=1e-4
    )
    expect(got["training"] == [2] * (rounds + 1), "after scoring the network is not in training mode")
    kept = got["kept"]
    expect(len(kept) == 2 * rounds + 1, f"{rounds} rounds give {len(kept)} counts")
    least = rows * (READINGS + WIDTH)
    expect(all(least <= count <= 20 * least for count in kept[1::2]), f"training keeps {kept[1::2]} values")
    return kept[::2]


@check("symptom", "nothing is kept for a backward pass while scoring")
def scoring_keeps_nothing(grade: Grade) -> None:
    for rows, batch_size in ((120, 40), (30, 7)):
        for kept in _scored(grade, rows, batch_size, rounds=0):
            expect(kept == 0, f"{kept:.0f} values are kept for backward passes while {rows} rows are scored")


@check("behaviour", "scoring and training in turn give the errors and weights that they gave")
def training_goes_on(grade: Grade) -> None:
    _scored(grade, 60, 20, rounds=3)


@check("cause", "nothing is kept in later scorings either")
def later_scorings(grade: Grade) -> None:
    kept = _scored(grade, 50, 25, rounds=4)
    expect(kept == [0] * 5, f"five scorings keep {kept} values")

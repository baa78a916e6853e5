"""What must come out. This file never reaches a submission."""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

# No constant, so that a program that does no work cannot hit it.
SOLUTION = torch.tensor([1.0, -1.0, 1.0, -1.0])


def _inputs(grade: Grade) -> dict[str, object]:
    # Columns without a mean or a correlation, so that no draw is harder than another.
    data = grade.normal(64, 4)
    data = 8 * torch.linalg.qr(data - data.mean(0)).Q
    state = {"weight": grade.normal(1, 4), "bias": grade.normal(1)}
    return {"state": state, "data": data, "targets": data @ SOLUTION.unsqueeze(1)}


@check("symptom", "training comes close to the solution")
def it_converges(grade: Grade) -> None:
    weights = grade.ask("train", **_inputs(grade))["weights"]
    error = float((weights["weight"] - SOLUTION).abs().max())
    expect(error < 0.15, f"after training a weight is still off by {error:.2f}")


@check("cause", "every step uses its own gradient alone")
def steps_use_their_own_gradient(grade: Grade) -> None:
    got, want = grade.both("train", **_inputs(grade))
    close(got["weights"], want["weights"], "weights")

"""What must come out: the least squares matrix from colours seen to colours known, and its product with other colours.

The matrix is computed here in float64 by the pseudo-inverse. On noisy charts the matrix of the other direction, inverted,
differs from it by more than 0.02; right programs differ by less than 1e-5.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect


def _compare(grade: Grade, count: int, noise: float) -> None:
    """A chart of a camera that mixes channels at random: matrix and corrected colours."""
    mixing = torch.eye(3) * grade.uniform(3, low=0.7, high=1.1) + grade.uniform(3, 3, low=0.02, high=0.2)
    known = grade.uniform(count, 3)
    seen = known @ mixing + noise * grade.normal(count, 3)
    colours = grade.uniform(60, 3)
    got = grade.ask("fit", seen=seen, known=known, colours=colours)
    want = torch.linalg.pinv(seen.double()) @ known.double()
    expect(tuple(got["matrix"].shape) == (3, 3), f"the matrix has the shape {tuple(got['matrix'].shape)}")
    close(got["matrix"], want.float(), "the matrix", rtol=1e-3, atol=1e-3)
    close(got["corrected"], (colours.double() @ want).float(), "a corrected colour", rtol=1e-3, atol=1e-3)


@check(
    "symptom", "a camera without noise is corrected to the colours of its chart, and other colours with it"
)
def colours_come_right(grade: Grade) -> None:
    for count in (24, 9):
        _compare(grade, count, noise=0.0)


@check("cause", "noisy charts give the matrix of least squares in the known colours")
def noise_is_fitted_by_least_squares(grade: Grade) -> None:
    for count in (24, 40):
        _compare(grade, count, noise=0.12)


@check("collateral", "a chart of as many patches as channels is fitted exactly")
def smallest_chart(grade: Grade) -> None:
    known = torch.eye(3) + grade.uniform(3, 3, low=0.0, high=0.2)
    seen = known @ (torch.eye(3) + grade.uniform(3, 3, low=0.0, high=0.2))
    got = grade.ask("fit", seen=seen, known=known, colours=seen)
    close(got["corrected"], known, "a corrected colour", rtol=1e-3, atol=1e-3)

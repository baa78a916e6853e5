"""What must come out: directions and variances of the covariance of all readings, computed here in float64.

Directions have no sign, so what is compared is the product of each with itself. Readings are drawn with variances that
lie a factor of two apart, so that directions are as sharp as the numbers of float32.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect


def _compare(grade: Grade, sensors: int, sizes: list[int], count: int, mean: float) -> None:
    turned, _ = torch.linalg.qr(grade.normal(sensors, sensors))
    spread = 2.0 ** (-0.5 * torch.arange(sensors))
    readings = (3 * grade.normal(sum(sizes), sensors) * spread) @ turned.T
    # Each piece rests at a place of its own, so that means of pieces do not stand for the mean of all.
    readings += torch.cat([mean * grade.uniform(1, sensors, low=0.5).expand(size, -1) for size in sizes])
    got = grade.ask("modes", readings=readings, sizes=sizes, count=count)
    shape = tuple(got["directions"].shape)
    expect(shape == (sensors, count), f"the directions have the shape {shape}")
    covariance = torch.cov(readings.double().T, correction=0)
    variances, directions = torch.linalg.eigh(covariance)
    variances, directions = variances.flip(0)[:count], directions.flip(1)[:, :count]
    close(got["variances"], variances.float(), "a variance", rtol=1e-2, atol=1e-3)
    for i in range(count):
        got_i, want_i = got["directions"][:, i].double(), directions[:, i]
        close(
            got_i.outer(got_i), want_i.outer(want_i), f"direction {i + 1} times itself", rtol=1e-2, atol=1e-2
        )


@check("symptom", "the directions of a bridge that is at rest on average are found, largest variance first")
def modes_are_found(grade: Grade) -> None:
    _compare(grade, sensors=6, sizes=[400], count=2, mean=0.0)
    _compare(grade, sensors=5, sizes=[150, 90, 160], count=3, mean=0.0)


@check("cause", "all directions come from all products of two sensors")
def all_directions(grade: Grade) -> None:
    for sensors in (3, 7):
        _compare(grade, sensors, sizes=[500, 300], count=sensors, mean=0.0)


@check("behaviour", "where a sensor rests does not count")
def mean_is_taken_off(grade: Grade) -> None:
    _compare(grade, sensors=6, sizes=[300, 200], count=3, mean=2.0)
    _compare(grade, sensors=5, sizes=[200, 200, 200], count=2, mean=6.0)

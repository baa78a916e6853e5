"""What must come out: whole columns and rows, computed here from maps whose highest value stands out."""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close


def _places(maps: torch.Tensor) -> torch.Tensor:
    """Column and row of each map's highest value."""
    rows = maps.amax(dim=2).argmax(dim=1)
    columns = maps.amax(dim=1).argmax(dim=1)
    return torch.stack([columns, rows], dim=1).float()


def _compare(grade: Grade, count: int, height: int, width: int) -> None:
    maps = grade.normal(count, height, width)
    maps[torch.arange(count), grade.integers(0, height, count), grade.integers(0, width, count)] += 20.0
    close(grade.ask("peaks", maps=maps)["places"], _places(maps), "a place (column, row)")


@check("symptom", "columns and rows of spots are those where the spots are")
def spots_are_found(grade: Grade) -> None:
    _compare(grade, 60, 18, 26)
    _compare(grade, 60, 31, 12)


@check("cause", "the first and the last row and column of maps of any form are told right")
def edges_are_found(grade: Grade) -> None:
    for height, width in ((7, 7), (1, 9), (9, 1), (40, 5)):
        _compare(grade, 30, height, width)


@check("behaviour", "spots are found in images by the network")
def network_finds(grade: Grade) -> None:
    weight = grade.uniform(1, 1, 5, 5, low=0.5, high=1.0)
    images = 0.1 * grade.normal(20, 16, 22)
    images[torch.arange(20), grade.integers(3, 13, 20), grade.integers(3, 19, 20)] += 10.0
    maps = F.conv2d(images[:, None].double(), weight.double(), padding=2)[:, 0]
    close(grade.ask("find", images=images, weight=weight)["places"], _places(maps), "a place (column, row)")


@check("collateral", "the network blurs as it did")
def same_network(grade: Grade) -> None:
    got, want = grade.both("maps", images=grade.normal(6, 14, 20))
    close(got["maps"], want["maps"], "maps")

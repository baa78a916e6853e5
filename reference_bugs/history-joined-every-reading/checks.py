"""What must come out: the score of every reading against all readings before, at the same cost for late as for early ones.

Costs are values that torch reads and writes, and values that the watch keeps, never times. Counts alone could be made up, so
each is asked for together with scores that are computed here in float64, and lies between bounds that this side knows.
"""

from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

PAST = 6
State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "mix.weight": grade.uniform(1, PAST, low=-0.4, high=0.4),
        "mix.bias": grade.uniform(1, low=-0.4, high=0.4),
    }


def _followed(grade: Grade, count: int, least: int, every: int) -> dict[str, Any]:
    """What a watch says of readings, compared with what it must say."""
    state, pasts, levels = (
        _state(grade),
        grade.normal(count, PAST, std=0.5),
        grade.normal(count, std=0.4) + 0.3,
    )
    got = grade.ask("follow", state=state, pasts=pasts, levels=levels, least=least, every=every)
    misses = levels.double() - (pasts.double() @ state["mix.weight"][0].double() + state["mix.bias"].double())
    want = [0.0] * least
    want += [float((misses[i] - misses[:i].mean()) / misses[:i].std()) for i in range(least, count)]
    close(got["scores"], want, "the scores", rtol=1e-3, atol=1e-3)
    parts = -(-count // every)
    expect(len(got["work"]) == parts and len(got["held"]) == parts, f"there are not {parts} counts")
    return got


@check("symptom", "late readings cost no more than early ones")
def readings_cost_the_same(grade: Grade) -> None:
    every = 60
    work = _followed(grade, count=360, least=10, every=every)["work"]
    # Right programs read and wrote 18 to 52 values for a reading; the buggy one 143 at first and 1,346 at the end. A program
    # that forecasts readings in one batch and scores them by plain numbers reads little more than the levels.
    for number, values in enumerate(work):
        expect(
            PAST * every <= values < 150 * every,
            f"readings {number * every} to {(number + 1) * every - 1} read and write {values / every:.0f} values each",
        )
    expect(
        work[-1] < 1.2 * work[1],
        f"a reading after {every} readings reads and writes {work[1] / every:.0f} values, "
        f"one after {5 * every} readings {work[-1] / every:.0f}",
    )


@check("behaviour", "the score of each reading is measured by all readings before it")
def scores_are_right(grade: Grade) -> None:
    for count, least in ((40, 5), (230, 20)):
        _followed(grade, count, least, every=count)


@check("cause", "what the watch keeps does not grow with the readings")
def watch_stays_small(grade: Grade) -> None:
    every = 50
    held = _followed(grade, count=200, least=10, every=every)["held"]
    expect(all(count > PAST for count in held), "the watch does not hold its network")
    expect(
        held[-1] <= held[0] + 20,
        f"the watch keeps {held[-1] - held[0]:.0f} values more after 200 readings than after 50",
    )


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("levels", state=_state(grade), pasts=grade.normal(9, PAST))
    close(got["levels"], want["levels"], "levels")

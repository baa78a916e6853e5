"""What must come out: the same training on the whole table's scale, with the work of a step that of its batch alone.

Work is the number of values that torch reads and writes, never a time. A count alone could be made up, so each is asked for
together with weights and losses that are compared with the reference's, and lies between bounds that this side knows.
"""

from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, median, moved

READINGS, WIDTH = 12, 20
State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "inner.weight": grade.uniform(WIDTH, READINGS, low=-0.28, high=0.28),
        "inner.bias": grade.uniform(WIDTH, low=-0.28, high=0.28),
        "outer.weight": grade.uniform(1, WIDTH, low=-0.22, high=0.22),
        "outer.bias": grade.uniform(1, low=-0.22, high=0.22),
    }


def _trained(grade: Grade, rows: int, epochs: int, batch_size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains on both sides; all but the work is as it must be."""
    state, centre, spread = (
        _state(grade),
        grade.uniform(READINGS, low=-20, high=50),
        grade.uniform(READINGS, low=2, high=9),
    )
    roasts, later, earlier = (centre + spread * grade.normal(count, READINGS) for count in (rows, 9, rows))
    sweetness = torch.sin((roasts[:, 0] - centre[0]) / spread[0]) + grade.normal(rows, std=0.1)
    # An earlier table of the same size and in other units: nothing of it may be kept.
    inputs = {
        "state": state,
        "roasts": roasts,
        "sweetness": sweetness,
        "later": later,
        "earlier": 1 + 2 * earlier,
    }
    got, want = grade.both("train", **inputs, epochs=epochs, batch_size=batch_size, lr=0.05)
    moved(state, got["weights"])
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=1e-4)
    close(got["losses"], want["losses"], "the losses", rtol=1e-3, atol=1e-4)
    close(got["tasted"], want["tasted"], "the sweetness of later roasts", rtol=1e-3, atol=1e-3)
    expect(torch.equal(got["roasts"], roasts), "training changes the table that it is given")
    steps = len(want["work"])
    expect(len(got["work"]) == steps, f"there are {len(got['work']) - 1} steps instead of {steps - 1}")
    expect(min(got["work"]) >= 0, "a step reads and writes less than nothing")
    return got, want


@check("symptom", "an epoch works on each row of the table about once")
def epochs_work_on_rows_once(grade: Grade) -> None:
    got, want = _trained(grade, rows=500, epochs=2, batch_size=20)
    work, usual = sum(got["work"]), sum(want["work"])
    # Right programs lay between 0.94 and 1.08 times the reference's work; the whole table in each batch makes it 4.8 times.
    expect(
        0.5 * usual < work < 1.6 * usual, f"training reads and writes {work:.0f} values where {usual:.0f} do"
    )


@check("behaviour", "weights, losses and later roasts come out, for any table and batch size")
def training_is_right(grade: Grade) -> None:
    for rows, epochs, batch_size in ((70, 3, 16), (45, 2, 45)):
        got, _ = _trained(grade, rows, epochs, batch_size)
        expect(len(got["losses"]) == epochs, f"{epochs} epochs give {len(got['losses'])} losses")


@check("cause", "the work of a step does not hang on the size of the table")
def steps_do_not_follow_table(grade: Grade) -> None:
    least = 10 * (READINGS + WIDTH)
    small = median(_trained(grade, rows=80, epochs=1, batch_size=10)[0]["work"])
    steps = _trained(grade, rows=400, epochs=2, batch_size=10)[0]["work"]
    large = median(steps)
    expect(
        small > least and large > least, f"a step on 10 rows reads and writes {min(small, large):.0f} values"
    )
    expect(
        large < 1.2 * small,
        f"a step on 10 rows reads and writes {small:.0f} values with a table of 80 rows, {large:.0f} with one of 400",
    )
    # Once before training, or once for each epoch, the table may be worked on as a whole.
    heavy = sum(work > large + 400 * READINGS for work in steps)
    expect(heavy <= 3, f"in 2 epochs the whole table is worked on {heavy} times")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("sweetness", state=_state(grade), readings=grade.normal(9, READINGS))
    close(got["sweetness"], want["sweetness"], "the sweetness")

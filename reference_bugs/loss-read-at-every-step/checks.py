"""What must come out: the same training and the same log, with a few values read for an epoch however many batches it has.

Reads are counted, never timed. A count alone could be made up, so each is asked for together with weights and a log that
are compared with the reference's, and neither none nor many will do.
"""

from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

ANGLES, WIDTH = 8, 24
# The log has two numbers; right programs read one or two for an epoch (four where a read is two copies).
PER_EPOCH = 5
State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "inner.weight": grade.uniform(WIDTH, ANGLES, low=-0.35, high=0.35),
        "inner.bias": grade.uniform(WIDTH, low=-0.35, high=0.35),
        "outer.weight": grade.uniform(1, WIDTH, low=-0.2, high=0.2),
        "outer.bias": grade.uniform(1, low=-0.2, high=0.2),
    }


def _fitted(grade: Grade, rows: int, epochs: int, batch_size: int) -> dict[str, Any]:
    """Trains on both sides; all but the reads is as the reference has it."""
    state, angles = _state(grade), grade.uniform(rows, ANGLES, low=-1.0)
    heights = torch.cos(2 * angles[:, 0]) + angles[:, 1] + grade.normal(rows, std=0.1)
    inputs = {
        "state": state,
        "angles": angles,
        "heights": heights,
        "epochs": epochs,
        "batch_size": batch_size,
    }
    got, want = grade.both("fit", **inputs, lr=0.04)
    moved(state, got["weights"])
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=1e-4)
    close(got["errors"], want["errors"], "the errors of the epochs", rtol=1e-3, atol=1e-5)
    close(got["misses"], want["misses"], "the largest misses of the epochs", rtol=1e-3, atol=1e-5)
    expect(
        got["steps"] == want["steps"], f"there are {got['steps']:.0f} steps instead of {want['steps']:.0f}"
    )
    return got


def _few(reads: float, epochs: int, batches: int) -> None:
    words = f"{reads:.0f} values are read in {epochs} epochs of {batches} batches"
    expect(1 <= reads <= PER_EPOCH * epochs, f"{words}; the log has two numbers for an epoch")


@check("symptom", "training reads a few values for each epoch, not for each batch")
def reads_are_few(grade: Grade) -> None:
    _few(_fitted(grade, rows=120, epochs=3, batch_size=4)["reads"], epochs=3, batches=30)


@check("behaviour", "the log has error and largest miss over all batches of each epoch")
def log_is_whole(grade: Grade) -> None:
    for rows, epochs, batch_size in ((70, 4, 16), (33, 2, 8), (12, 3, 12)):
        got = _fitted(grade, rows, epochs, batch_size)
        expect(len(got["errors"]) == epochs, f"{epochs} epochs give a log of {len(got['errors'])}")


@check("cause", "the number of reads does not hang on the number of batches")
def reads_do_not_follow_batches(grade: Grade) -> None:
    # The same rows in 6 and in 24 batches.
    few = _fitted(grade, rows=72, epochs=2, batch_size=12)["reads"]
    many = _fitted(grade, rows=72, epochs=2, batch_size=3)["reads"]
    _few(few, epochs=2, batches=6)
    expect(
        many <= few + 2, f"epochs of 6 batches read {few:.0f} values, epochs of 24 batches read {many:.0f}"
    )


@check("collateral", "no step keeps the graphs of the steps before it")
def graphs_are_gone(grade: Grade) -> None:
    kept = _fitted(grade, rows=80, epochs=2, batch_size=4)["kept"]
    # Right programs keep none, or one that a name still holds.
    expect(kept <= 3, f"the graphs of {kept:.0f} earlier steps are still there in an epoch of 20 batches")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("heights", state=_state(grade), angles=grade.uniform(9, ANGLES, low=-1.0))
    close(got["heights"], want["heights"], "the heights")

"""What must come out: the same training and the same history, in the memory of one validation.

The process has 384 MB beyond its start. One validation of 2,048 rows makes a graph of about 24 MB, so that a
program that keeps the graph of each epoch dies here as its user's does, later, on a larger machine.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

State = dict[str, torch.Tensor]
INPUTS, HIDDEN, CLASSES = 16, 1024, 4


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, INPUTS, low=-0.25, high=0.25),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.25, high=0.25),
        "norm.weight": grade.uniform(HIDDEN, low=0.8, high=1.2),
        "norm.bias": grade.uniform(HIDDEN, low=-0.1, high=0.1),
        "fc2.weight": grade.uniform(CLASSES, HIDDEN, low=-0.03, high=0.03),
        "fc2.bias": grade.uniform(CLASSES, low=-0.03, high=0.03),
    }


def _data(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = grade.normal(count, INPUTS)
    return x, x[:, :CLASSES].argmax(1)


def _train(grade: Grade, rows: int, val_rows: int, epochs: int) -> None:
    """Trains on both sides and compares weights and history."""
    (x, y), (val_x, val_y) = _data(grade, rows), _data(grade, val_rows)
    state = _state(grade)
    inputs = {
        "state": state,
        "x": x,
        "y": y,
        "val_x": val_x,
        "val_y": val_y,
        "epochs": epochs,
        "batch_size": 32,
    }
    got, want = grade.both("train", **inputs)
    moved(state, got["weights"])
    entries = len(got["history"])
    expect(entries == epochs, f"{epochs} epochs give a history of {entries} validation losses")
    close(got["history"], want["history"], "the history", rtol=1e-3, atol=1e-5)
    close(got["weights"], want["weights"], "weights", rtol=2e-3, atol=1e-4)


@check("symptom", "20 epochs with 2,048 rows of validation data fit into the memory")
def long_training_fits(grade: Grade) -> None:
    (x, y), (val_x, val_y) = _data(grade, 32), _data(grade, 2048)
    inputs = {"state": _state(grade), "x": x, "y": y, "val_x": val_x, "val_y": val_y}
    seed = grade.seed()
    weights = grade.ask("train", seed, **inputs, epochs=20, batch_size=32)["weights"]
    # It trained meanwhile, which the reference does in less time with fewer rows of validation.
    inputs |= {"val_x": val_x[:8], "val_y": val_y[:8]}
    want = grade.reference("train", seed, **inputs, epochs=20, batch_size=32)["weights"]
    close(weights, want, "weights", rtol=2e-3, atol=1e-4)


@check("behaviour", "the history holds the validation loss of each epoch, over all validation data")
def history_is_whole(grade: Grade) -> None:
    _train(grade, rows=32, val_rows=1024, epochs=3)
    _train(grade, rows=32, val_rows=40, epochs=25)


@check("cause", "the memory does not grow with the epochs")
def memory_stays(grade: Grade) -> None:
    # Each validation is twice as large here: ten graphs are as much too many as all of them.
    _train(grade, rows=32, val_rows=4096, epochs=11)


@check("collateral", "training goes over all batches with the optimizer that was there")
def same_training(grade: Grade) -> None:
    _train(grade, rows=80, val_rows=20, epochs=3)


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("logits", state=_state(grade), x=grade.normal(8, INPUTS))
    close(got["logits"], want["logits"], "logits")

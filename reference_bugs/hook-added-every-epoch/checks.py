"""What must come out: the same training and the same spreads, with every epoch costing the same.

Costs are counts of torch's operations, never times. A count alone could be made up, so each is asked for together with
weights, losses and spreads that are compared with the reference's, and lies between bounds that it knows.
"""

from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

FEATURES, WIDTH, BIRDS = 24, 32, 5
State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "encoder.weight": grade.uniform(WIDTH, FEATURES, low=-0.2, high=0.2),
        "encoder.bias": grade.uniform(WIDTH, low=-0.2, high=0.2),
        "head.weight": grade.uniform(BIRDS, WIDTH, low=-0.18, high=0.18),
        "head.bias": grade.uniform(BIRDS, low=-0.18, high=0.18),
    }


def _trained(grade: Grade, rows: int, epochs: int, batch_size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains on both sides; all but the costs is as the reference has it."""
    state, birds = _state(grade), grade.integers(0, BIRDS, rows)
    calls = grade.normal(BIRDS, FEATURES)[birds] + grade.normal(rows, FEATURES)
    inputs = {
        "state": state,
        "calls": calls,
        "birds": birds,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": 0.05,
    }
    got, want = grade.both("train", **inputs)
    moved(state, got["weights"])
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=1e-4)
    close(got["losses"], want["losses"], "the losses", rtol=1e-3, atol=1e-4)
    close(got["spreads"], want["spreads"], "the spreads", rtol=2e-3, atol=1e-3)
    steps = len(want["operations"])
    expect(
        len(got["operations"]) == steps,
        f"there are {len(got['operations']) - 1} steps instead of {steps - 1}",
    )
    return got, want


def _epochs(operations: list[float], epochs: int) -> list[float]:
    """Operations of each epoch, from its first step to its last; what follows the last step counts to the last epoch."""
    batches = (len(operations) - 1) // epochs
    sums = [sum(operations[i * batches : (i + 1) * batches]) for i in range(epochs)]
    sums[-1] += operations[-1]
    return sums


@check("symptom", "the last epoch costs no more than the first")
def epochs_cost_the_same(grade: Grade) -> None:
    epochs = 6
    got, want = _trained(grade, rows=96, epochs=epochs, batch_size=16)
    costs, usual = _epochs(got["operations"], epochs), _epochs(want["operations"], epochs)
    for epoch, (cost, right) in enumerate(zip(costs, usual, strict=True)):
        # Right programs lay between 0.85 and 1.02 times the reference's; a second hook adds 0.17, each further one as much.
        expect(
            0.5 * right < cost < 1.5 * right,
            f"epoch {epoch + 1} takes {cost:.0f} operations of torch where {right:.0f} do the same; "
            f"epoch 1 takes {costs[0]:.0f}",
        )
    # What is put off to the end of an epoch counts to the next one, hence neither the first nor the last.
    expect(
        costs[-2] < 1.1 * costs[1] + 15, f"epoch 2 takes {costs[1]:.0f} operations, epoch 5 {costs[-2]:.0f}"
    )


@check("behaviour", "losses and spreads of all epochs come out, for any number of batches and epochs")
def history_is_right(grade: Grade) -> None:
    for rows, epochs, batch_size in ((90, 3, 20), (48, 4, 6)):
        got, _ = _trained(grade, rows, epochs, batch_size)
        expect(len(got["losses"]) == epochs, f"{epochs} epochs give {len(got['losses'])} losses")


@check("cause", "training leaves no hook behind for each epoch")
def hooks_do_not_pile_up(grade: Grade) -> None:
    for epochs in (2, 6):
        got, _ = _trained(grade, rows=64, epochs=epochs, batch_size=16)
        expect(
            got["hooks"] in (0, 1),
            f"after {epochs} epochs the network has {got['hooks']:.0f} hooks more than before",
        )


@check("collateral", "hooks of others see every batch and stay")
def other_hooks_stay(grade: Grade) -> None:
    got, want = _trained(grade, rows=64, epochs=3, batch_size=16)
    expect(
        len(got["seen"]) == 12, f"a hook of somebody else is called {len(got['seen'])} times instead of 12"
    )
    close(got["seen"], want["seen"], "what a hook of somebody else sees", rtol=1e-3, atol=1e-4)
    expect(got["kept"], "a hook of somebody else is gone after training")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("logits", state=_state(grade), calls=grade.normal(8, FEATURES))
    close(got["logits"], want["logits"], "logits")

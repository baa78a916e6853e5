"""What must come out: the accuracy of the whole network, and training that drops half of the units all the same.

Accuracies are recomputed here from the weights that were handed in. Dropout in training is read off the
weights: with one example per batch, nothing that belongs to a dropped unit moves, and the gradient with exactly
the other units, doubled, must explain every step.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

RATE = 0.1
EXAMPLES = 6
EPOCHS = 3
GAP = 0.2

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.normal(64, 20, std=0.25),
        "fc1.bias": grade.normal(64, std=0.2),
        "fc2.weight": grade.normal(5, 64, std=0.2),
        "fc2.bias": grade.normal(5, std=0.2),
    }


def _logits(state: State, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    hidden = torch.relu(x.double() @ state["fc1.weight"].double().T + state["fc1.bias"].double())
    if mask is not None:
        hidden = hidden * mask
    return hidden @ state["fc2.weight"].double().T + state["fc2.bias"].double()


def _clear(state: State, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The examples whose class rounding cannot change, and that class."""
    top = _logits(state, x).topk(2, dim=1)
    keep = top.values[:, 0] - top.values[:, 1] > 1e-3
    return x[keep], top.indices[keep, 0]


def _accuracy_case(grade: Grade, share: float, state: State | None = None) -> tuple[dict[str, object], float]:
    """Weights and data on which the network is right for about a share of the examples, and for which exactly."""
    state = state or _state(grade)
    features, classes = _clear(state, grade.normal(400, 20))
    wrong = grade.uniform(len(features)) >= share
    targets = torch.where(wrong, (classes + 1) % 5, classes)
    accuracy = float((~wrong).double().mean())
    return {"state": state, "features": features, "targets": targets}, accuracy


def _evaluated(grade: Grade, times: int, **inputs: object) -> list[float]:
    got: list[float] = grade.ask("evaluate", times=times, **inputs)["accuracies"]
    expect(len(got) == times, f"{times} evaluations give {len(got)} accuracies")
    expect(all(0 <= value <= 1 for value in got), "an accuracy is not between 0 and 1")
    return got


@check("symptom", "evaluating the same weights on the same data gives the same accuracy every time")
def evaluation_repeats(grade: Grade) -> None:
    state = _state(grade)
    inputs, _ = _accuracy_case(grade, 0.9, state)
    got = _evaluated(grade, 5, batch_size=32, **inputs)
    expect(max(got) - min(got) < 1e-6, f"the same evaluation gives {min(got):.3f} to {max(got):.3f}")
    # A number that says nothing about the data repeats as well.
    others, _ = _accuracy_case(grade, 0.1, state)
    (low,) = _evaluated(grade, 1, batch_size=32, **others)
    expect(
        got[0] - low > GAP,
        f"the accuracy is {got[0]:.3f} with nine in ten right answers and {low:.3f} with one in ten",
    )


@check("cause", "the accuracy is that of the whole network, without dropout")
def accuracy_is_right(grade: Grade) -> None:
    for share in (1.0, 0.6):
        inputs, want = _accuracy_case(grade, share)
        for batch_size in (32, 50):
            for value in _evaluated(grade, 2, batch_size=batch_size, **inputs):
                expect(abs(value - want) < 1e-4, f"the accuracy is given as {value:.3f}, but is {want:.3f}")


def _masks(grade: Grade) -> list[list[float]]:
    """For each epoch of a training run, the share of units kept in each step, as its weights show it."""
    state = _state(grade)
    features, targets = grade.normal(EXAMPLES, 20, std=0.5), grade.integers(0, 5, EXAMPLES)
    val_features, val_targets = grade.normal(16, 20), grade.integers(0, 5, 16)
    answer = grade.ask(
        "train",
        state=state,
        features=features,
        targets=targets,
        val_features=val_features,
        val_targets=val_targets,
        epochs=EPOCHS,
    )
    states = [state, *answer["trace"]]
    expect(
        len(states) == EPOCHS * EXAMPLES + 1,
        f"{EPOCHS} epochs of {EXAMPLES} batches take {len(states) - 1} optimizer steps",
    )
    close(answer["weights"], states[-1], "the weights after training", rtol=0.0, atol=0.0)
    shares: list[list[float]] = []
    for step in range(EPOCHS * EXAMPLES):
        before, after = states[step], states[step + 1]
        expect(
            set(after) == set(state) and all(after[n].shape == t.shape for n, t in state.items()),
            "the network has other parameters than before",
        )
        finite(after, f"after step {step + 1}")
        x, y = features[[step % EXAMPLES]], targets[[step % EXAMPLES]]
        hidden = torch.relu(x.double() @ before["fc1.weight"].double().T + before["fc1.bias"].double())[0]
        active = hidden > 0.05  # a unit that is nearly silent moves nothing, dropped or not
        # A dropped unit gets no gradient on either side; a kept one may move too little for one side to show.
        kept = (after["fc2.weight"] != before["fc2.weight"]).any(0) | (
            after["fc1.bias"] != before["fc1.bias"]
        )
        w = {name: tensor.double().requires_grad_() for name, tensor in before.items()}
        loss = F.cross_entropy(_logits(w, x, 2.0 * kept.double()), y)
        gradients = torch.autograd.grad(loss, list(w.values()))
        names = list(w)
        want = torch.cat([(-RATE * g).flatten() for g in gradients])
        got = torch.cat([(after[n].double() - before[n].double()).flatten() for n in names])
        share = float(kept[active].double().mean())
        rest = float((got - want).norm())
        expect(
            share == 1.0 or rest < 1e-2 * float(want.norm()) + 1e-5,
            f"step {step + 1} is no step of SGD at {RATE} with dropout of one half",
        )
        if step % EXAMPLES == 0:
            shares.append([])
        shares[-1].append(share)
    return shares


@check("collateral", "training still drops half of the units, after an evaluation as well")
def training_keeps_dropout(grade: Grade) -> None:
    for epoch, shares in enumerate(_masks(grade)):
        kept = sum(shares) / len(shares)
        expect(
            0.33 < kept < 0.67,
            f"in epoch {epoch + 1} of training {kept:.0%} of the active units are kept, not about half",
        )


@check("collateral", "each step of training draws a dropout mask of its own")
def masks_differ(grade: Grade) -> None:
    shares = [share for epoch in _masks(grade) for share in epoch]
    expect(len(set(shares)) > 3, "the same units are dropped in every step")


@check("collateral", "the network in evaluation mode is as it was")
def same_network(grade: Grade) -> None:
    state, features = _state(grade), grade.normal(8, 20)
    got = grade.ask("logits", state=state, features=features)["logits"]
    close(got, _logits(state, features).float(), "logits", rtol=1e-3, atol=1e-4)

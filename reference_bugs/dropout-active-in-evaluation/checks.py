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
EPOCHS = 10
FINAL = 5
GAP = 0.2

State = dict[str, torch.Tensor]
Data = dict[str, torch.Tensor]


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


def _run(grade: Grade) -> tuple[list[State], Data, list[float], list[float]]:
    """The weights after each step of main(), its data, the accuracies that it gave, and those of the weights then."""
    state = _state(grade)
    data: Data = {"features": grade.normal(EXAMPLES, 20, std=0.5), "targets": grade.integers(0, 5, EXAMPLES)}
    val = grade.normal(400, 20)
    # About half of them are right at first.
    classes = _logits(state, val).argmax(1)
    classes = torch.where(grade.uniform(400) < 0.4, grade.integers(0, 5, 400), classes)
    answer = grade.ask("run", state=state, val_features=val, val_targets=classes, **data)
    states = [state, *answer["trace"]]
    steps = EPOCHS * EXAMPLES
    expect(
        len(states) == steps + 1,
        f"{EPOCHS} epochs of {EXAMPLES} batches take {len(states) - 1} optimizer steps",
    )
    for step, after in enumerate(states):
        expect(
            set(after) == set(state) and all(after[n].shape == t.shape for n, t in state.items()),
            "the network has other parameters than before",
        )
        finite(after, f"after step {step}")
    close(answer["weights"], states[-1], "the weights after training", rtol=0.0, atol=0.0)
    said, when = answer["accuracies"], answer["after"]
    expect(
        len(said) == len(when) and [step for step in when if step in range(1, steps + 1)] == when,
        "an accuracy is of no weights of the training",
    )
    ends = [(epoch + 1) * EXAMPLES for epoch in range(EPOCHS)] + [steps] * FINAL
    expect(
        when == ends,
        f"the validation data are evaluated {len(when)} times, not after each epoch and {FINAL} times then",
    )
    true = []
    for step, value in zip(when, said, strict=True):
        top = _logits(states[int(step)], val).topk(2, dim=1)
        right = top.indices[:, 0] == classes
        unclear = top.values[:, 0] - top.values[:, 1] < 1e-4
        # Rounding may decide the unclear ones either way.
        least, most = int((right & ~unclear).sum()), int((right | unclear).sum())
        true.append(min(max(value, least / len(val)), most / len(val)))
    return states, data, said, true


@check("symptom", "evaluating the same weights on the same data gives the same accuracy every time")
def evaluation_repeats(grade: Grade) -> None:
    _, _, said, true = _run(grade)
    got = said[-FINAL:]
    expect(max(got) - min(got) < 1e-6, f"the same evaluation gives {min(got):.3f} to {max(got):.3f}")
    # A number that says nothing about the data repeats as well.
    expect(abs(got[0] - true[-1]) < GAP, f"the accuracy is given as {got[0]:.3f}, but is {true[-1]:.3f}")


@check("cause", "the accuracy is that of the whole network, without dropout")
def accuracy_is_right(grade: Grade) -> None:
    _, _, said, true = _run(grade)
    for value, want in zip(said, true, strict=True):
        expect(abs(value - want) < 1e-4, f"the accuracy is given as {value:.3f}, but is {want:.3f}")


def _masks(grade: Grade) -> list[list[float]]:
    """For each epoch of a training run, the share of units kept in each step, as its weights show it."""
    states, data, _, _ = _run(grade)
    features, targets = data["features"], data["targets"]
    shares: list[list[float]] = []
    for step in range(EPOCHS * EXAMPLES):
        before, after = states[step], states[step + 1]
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
            rest < 1e-2 * float(want.norm()) + 1e-5,
            f"step {step + 1} is no step of SGD at {RATE} with dropout of one half",
        )
        if step % EXAMPLES == 0:
            shares.append([])
        shares[-1].append(share)
    return shares


@check(
    "collateral", "training still drops half of the units, others in each step, after an evaluation as well"
)
def training_keeps_dropout(grade: Grade) -> None:
    masks = _masks(grade)
    for epoch, shares in enumerate(masks):
        kept = sum(shares) / len(shares)
        expect(
            0.3 < kept < 0.7,
            f"in epoch {epoch + 1} of training {kept:.0%} of the active units are kept, not about half",
        )
    expect(
        len({share for shares in masks for share in shares}) > 3, "the same units are dropped in every step"
    )


@check("collateral", "the network in evaluation mode is as it was")
def same_network(grade: Grade) -> None:
    state, features = _state(grade), grade.normal(8, 20)
    got = grade.ask("logits", state=state, features=features)["logits"]
    close(got, _logits(state, features).float(), "logits", rtol=1e-3, atol=1e-4)

"""What must come out: a learning rate that stays while training improves, and falls when it does not.

The rate of each step is the move of the weights along the gradient, which is computed here, in float64, at
the weights that came back; losses and accuracies are computed here from the same weights.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

RATE = 0.05
EPOCHS = 24
BATCH = 32
BATCHES = 6

State = dict[str, torch.Tensor]


@dataclass
class Run:
    """A training run as its weights show it: the rate of each epoch's first step, and what each epoch reached."""

    rates: list[float]
    val_losses: list[float]
    train_losses: list[float]
    accuracies: list[float]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.uniform(32, 20, low=-0.22, high=0.22),
        "fc1.bias": grade.uniform(32, low=-0.22, high=0.22),
        "fc2.weight": grade.uniform(5, 32, low=-0.18, high=0.18),
        "fc2.bias": grade.uniform(5, low=-0.18, high=0.18),
    }


def _logits(w: State, x: torch.Tensor) -> torch.Tensor:
    hidden = torch.tanh(x.double() @ w["fc1.weight"].double().T + w["fc1.bias"].double())
    return hidden @ w["fc2.weight"].double().T + w["fc2.bias"].double()


def _improving(grade: Grade) -> dict[str, torch.Tensor]:
    """Data on which loss and accuracy get better in every epoch for long."""
    teacher = grade.normal(20, 5)
    x = grade.normal(BATCHES * BATCH + 2000, 20)
    y = (x @ teacher).argmax(1)
    n = BATCHES * BATCH
    return {"features": x[:n], "targets": y[:n], "val_features": x[n:], "val_targets": y[n:]}


def _stagnant(grade: Grade) -> dict[str, torch.Tensor]:
    """Data that say nothing about their classes, which are equally frequent."""
    count = BATCHES * BATCH - BATCHES * BATCH % 5
    y = torch.arange(count)[torch.randperm(count, generator=grade.generator())] % 5
    val = torch.arange(500) % 5
    return {
        "features": torch.zeros(count, 20),
        "targets": y,
        "val_features": torch.zeros(500, 20),
        "val_targets": val,
    }


def _run(grade: Grade, state: State, data: dict[str, torch.Tensor], epochs: int = EPOCHS) -> Run:
    answer = grade.ask("train", state=state, batch_size=BATCH, epochs=epochs, **data)
    states = [state, *answer["trace"]]
    expect(
        len(states) == epochs * BATCHES + 1,
        f"{epochs} epochs of {BATCHES} batches take {len(states) - 1} optimizer steps",
    )
    close(answer["weights"], states[-1], "the weights after training", rtol=0.0, atol=0.0)
    run = Run([], [], [], [])
    for step in range(epochs * BATCHES):
        before, after = states[step], states[step + 1]
        expect(
            set(after) == set(state) and all(after[n].shape == t.shape for n, t in state.items()),
            "the network has other parameters than before",
        )
        finite(after, f"after step {step + 1}")
        rows = slice(step % BATCHES * BATCH, (step % BATCHES + 1) * BATCH)
        w = {name: tensor.double().requires_grad_() for name, tensor in before.items()}
        loss = F.cross_entropy(_logits(w, data["features"][rows]), data["targets"][rows])
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(w.values()))])
        move = torch.cat([(before[n].double() - after[n].double()).flatten() for n in w])
        rate = float(move @ gradient / (gradient @ gradient))
        rest = float((move - rate * gradient).norm())
        size = float(torch.cat([t.flatten() for t in before.values()]).norm())
        expect(
            rest < 2e-3 * float(move.norm()) + 1e-6 * size, f"step {step + 1} is no step of SGD on its batch"
        )
        if step % BATCHES == 0:
            run.rates.append(rate)
        if step % BATCHES == BATCHES - 1:
            val = _logits(after, data["val_features"])
            run.val_losses.append(float(F.cross_entropy(val, data["val_targets"])))
            run.accuracies.append(float((val.argmax(1) == data["val_targets"]).double().mean()))
            run.train_losses.append(float(F.cross_entropy(_logits(after, data["features"]), data["targets"])))
    expect(max(run.rates) > 0.01 * RATE, "training moves no weight")
    return run


def _new_best(values: list[float], epoch: int) -> bool:
    return epoch == 0 or values[epoch] < min(values[:epoch])


@check(
    "symptom",
    "the validation loss falls at least half as far as with a scheduler that does not get in the way",
)
def loss_keeps_falling(grade: Grade) -> None:
    state, data = _state(grade), _improving(grade)
    got, want = grade.both("train", state=state, batch_size=BATCH, epochs=EPOCHS, **data)
    start, end, best = (
        float(F.cross_entropy(_logits(w, data["val_features"]), data["val_targets"]))
        for w in (state, got["weights"], want["weights"])
    )
    expect(
        end < best + 0.5 * (start - best),
        f"after {EPOCHS} epochs the validation loss is {end:.3f} where {best:.3f} can be had",
    )


@check("cause", "the learning rate does not fall while the validation loss and the accuracy get better")
def rate_stays_while_improving(grade: Grade) -> None:
    run = _run(grade, _state(grade), _improving(grade))
    metrics = (run.val_losses, run.train_losses, [-accuracy for accuracy in run.accuracies])
    for epoch in range(1, EPOCHS - 1):
        before, after = run.rates[epoch], run.rates[epoch + 1]
        if before < 1e-3 * RATE or after > 0.97 * before:
            continue
        # Whichever of them is watched: it must have failed to improve for at least two epochs.
        stalled = any(not _new_best(metric, epoch) and not _new_best(metric, epoch - 1) for metric in metrics)
        expect(
            stalled,
            f"after epoch {epoch + 1} the learning rate falls from {before:.2g} to {after:.2g} although the "
            f"validation loss and the accuracy ({run.accuracies[epoch]:.3f}) are still getting better",
        )


@check("behaviour", "the learning rate falls when validation does not get better")
def rate_falls_on_a_plateau(grade: Grade) -> None:
    state = _state(grade)
    # Without features these weights are the best there are, so that nothing gets better from the first epoch on.
    state["fc2.weight"] = torch.zeros(5, 32)
    state["fc2.bias"] = torch.zeros(5)
    run = _run(grade, state, _stagnant(grade))
    expect(
        min(run.rates) < 0.6 * run.rates[0],
        f"in {EPOCHS} epochs without any progress the learning rate never falls below {min(run.rates):.3f}",
    )


@check("collateral", "training starts with plain SGD at the learning rate that was there")
def same_optimizer(grade: Grade) -> None:
    run = _run(grade, _state(grade), _improving(grade), epochs=2)
    expect(
        all(0.98 < r / RATE < 1.02 for r in run.rates),
        f"the first epoch's learning rate is {run.rates[0]:.4f}",
    )


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("logits", state=_state(grade), features=grade.normal(8, 20))
    close(got["logits"], want["logits"], "logits")

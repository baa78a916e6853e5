"""What must come out: a learning rate that starts near the given one, comes down over the run, and ends low.

The rates are those that the optimizer has in hand at each step of training a gauge, see ``probe.py``. The
gradient of the gauge is known and has the same size at every step, so its weights tell whether the rates are true.
Any course that comes down is right: in steps, along a curve, with a warmup, in a cycle, by the loss, by hand.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, moved

RATE = 0.01
EPOCHS = 100
FEW, MANY = 2, 5  # batches per epoch
# In 40 draws one cycle takes the loss from 1.45 (0.07) to 0.42 (0.12), a third of the rate to 0.59 (0.12); zeros have 1.39.
FALL = 0.75
SIZE = 9  # images in a batch
GRADIENT = 0.01 / SIZE * (2 * 0.75) ** 0.5  # of the gauge: four classes, weight and bias, one speaking image


@dataclass(frozen=True)
class Run:
    """A run of the gauge: the rate it was given, those it had, how far its weights moved, how they ended."""

    lr: float
    rates: torch.Tensor
    moves: torch.Tensor
    last: torch.Tensor
    weights: torch.Tensor

    def course(self, epochs: int = EPOCHS) -> torch.Tensor:
        """The rate of each epoch, as a share of the highest."""
        return self.rates.reshape(epochs, -1).mean(1) / self.rates.max()


def _run(grade: Grade, batches: int = FEW, epochs: int = EPOCHS, near: float = RATE) -> Run:
    lr = near * float(grade.uniform(1, low=0.8, high=1.6))
    labels, test_labels = grade.integers(0, 4, batches, SIZE), grade.integers(0, 4, 40)
    labels[:, 0] = 0
    numbers = labels.float()
    numbers[0::2, 0], numbers[1::2, 0] = 100.0, -100.0
    learned = torch.linspace(0.05, 0.95, batches * (SIZE - 1))[grade.uniform(batches * (SIZE - 1)).argsort()]
    numbers[:, 1:] += learned.reshape(batches, SIZE - 1)
    answer = grade.ask(
        "rates",
        numbers=numbers,
        labels=labels,
        test_numbers=test_labels + torch.linspace(0.05, 0.95, 40),
        test_labels=test_labels,
        epochs=epochs,
        lr=lr,
    )
    rates, trace = torch.tensor(answer["rates"], dtype=torch.float64), answer["trace"]
    steps = epochs * batches
    expect(len(rates) == steps, f"{epochs} epochs of {batches} batches take {len(rates)} optimizer steps")
    expect(
        trace.shape == (steps + 1, 8) and answer["weights"].shape == (8,),
        "the network has other parameters than before",
    )
    finite(trace, "what is trained")
    expect(bool(((rates >= 0) & rates.isfinite()).all()), "a learning rate is negative or not finite")
    expect(float(rates.max()) > 0, "the learning rate is zero all the time")
    expect(not bool(trace[0].any()), "the network has other weights at the start than it was given")
    moves = trace.double().diff(dim=0).norm(dim=1)
    expect(not bool(moves[rates == 0].any()), "the weights move at a learning rate of zero")
    # At least a hundredth of what the rate says: however the optimizer works, rates without moves are made up.
    at_work = rates > 0.05 * rates.max()
    expect(
        bool((moves > 0.01 * rates * GRADIENT)[at_work].all()),
        "the weights do not move at the rates that it has",
    )
    return Run(lr, rates, moves, trace[-1], answer["weights"])


@check("symptom", "in the last epochs the learning rate is far below its peak, so that the accuracy settles")
def rate_ends_low(grade: Grade) -> None:
    end = float(_run(grade).course()[-3:].mean())
    expect(
        end < 0.3, f"in the last 3 of {EPOCHS} epochs the learning rate is still at {end:.0%} of its highest"
    )


@check("cause", "the learning rate is still at work long after the first quarter of the run")
def rate_lasts(grade: Grade) -> None:
    course = _run(grade).course()
    for share, low in ((0.25, 0.02), (0.6, 0.009)):
        used = int((course > low).nonzero().max()) + 1
        expect(
            used > share * EPOCHS,
            f"after epoch {used} of {EPOCHS} the learning rate stays below {low:.1%} of its highest",
        )


@check("cause", "the learning rate peaks before 60 % of the run are over, and does not creep up after that")
def rate_comes_down(grade: Grade) -> None:
    course = _run(grade).course()
    top = int((course > 0.99 * course.max()).nonzero().min())
    expect(top < 0.6 * EPOCHS, f"the learning rate is highest only in epoch {top + 1} of {EPOCHS}")
    rises = course[top:].diff().clamp(min=0)
    # A warm restart is one jump; a schedule that swings back climbs little by little.
    climbed = float(rises[rises < 0.3].sum())
    expect(climbed < 0.1, f"after its peak the learning rate climbs again, by {climbed:.0%} of its highest")


@check("cause", "the course of the learning rate is the same however many batches an epoch has")
def course_follows_epochs(grade: Grade) -> None:
    few, many = _run(grade, FEW).course(), _run(grade, MANY).course()
    for epoch in range(round(0.3 * EPOCHS), EPOCHS):
        near = many[epoch - 2 : epoch + 3]
        low, high, here = float(near.min()), float(near.max()), float(few[epoch])
        # A warmup of so many batches shifts what comes after it a little.
        expect(
            max(low - 0.2, low / 4 - 0.01) < here < min(high + 0.2, 4 * high + 0.01),
            f"in epoch {epoch + 1} the learning rate is at {here:.1%} of its highest with {FEW} batches "
            f"per epoch, and at {float(many[epoch]):.1%} with {MANY}",
        )


@check("collateral", "the optimizer is SGD, and its learning rate peaks near the one that is given")
def same_optimizer(grade: Grade) -> None:
    # Far from the user's own number: a schedule that starts from a number of its own shows.
    run = _run(grade, near=0.1 * RATE)
    peak = float(run.rates.max())
    expect(run.lr / 4 <= peak <= run.lr * 4, f"with lr={run.lr:.3g} the learning rate peaks at {peak:.3g}")
    for rates, moves in zip(run.rates.chunk(10), run.moves.chunk(10), strict=True):
        if float(rates.mean()) > 0.01 * peak:
            # The gradient's sign alternates: 1 for plain SGD, 0.5 with momentum, 1.5 with Nesterov's, 100 for Adam.
            share = float(moves.sum() / (rates.sum() * GRADIENT))
            expect(
                0.3 < share < 2,
                f"the weights move {share:.2g} times as far as SGD's learning rate and the gradient say",
            )


@check("collateral", "as many epochs are trained as are asked for, and the last step's weights remain")
def trains_to_the_end(grade: Grade) -> None:
    run = _run(grade, batches=3, epochs=12)
    close(run.weights, run.last, "the weights after training", rtol=0.0, atol=0.0)


@check("collateral", "training still moves every parameter of the network")
def training_trains(grade: Grade) -> None:
    state = grade.reference("start")["state"]
    labels = torch.arange(16) % 4
    images = grade.normal(4, 1, 8, 8, std=2.0)[labels] + grade.normal(16, 1, 8, 8, std=0.3)
    weights = grade.ask("train", state=state, images=images, labels=labels, epochs=12, lr=0.01)["trained"]
    finite(weights, "after training")
    moved(state, weights)
    before, after = (
        float(
            F.cross_entropy(
                grade.reference("logits", state=w, images=images, training=False)["logits"], labels
            )
        )
        for w in (state, weights)
    )
    expect(after < FALL * before, f"12 epochs on 16 images take the loss from {before:.3f} to {after:.3f}")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state = grade.reference("start")["state"]
    for training in (False, True):
        got, want = grade.both("logits", state=state, images=grade.normal(8, 1, 8, 8), training=training)
        close(got["logits"], want["logits"], "logits")

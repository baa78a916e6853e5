"""What must come out: a learning rate that starts high, comes down over the run, and is low at its end.

The rates are those that the optimizer has in hand at each step of training a gauge, see ``probe.py``. The
gradient of the gauge is known and has the same size at every step, so its weights tell whether the rates are true.
Any course that comes down is right: in steps, along a curve, with a warmup, in a cycle, by the loss, by hand.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, moved

RATE = 0.1
EPOCHS = 90
FEW, MANY = 2, 5  # batches per epoch
# In 12 draws the slowest fix takes the loss from 2.4 (0.15) to 0.20 (0.04), the slowest workaround to 0.55 (0.09); zeros
# have 2.30.
FALL = 0.5
SIZE = 9  # images in a batch
GRADIENT = 0.01 / SIZE * (2 * 0.9) ** 0.5  # of the gauge: ten classes, weight and bias, one speaking image

Run = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _run(grade: Grade, epochs: int, batches: int) -> Run:
    """Rates of a run of the gauge, the lengths of its moves, and its weights: after the last step and at the end."""
    learned = torch.linspace(0.05, 0.95, batches * (SIZE - 1))[grade.uniform(batches * (SIZE - 1)).argsort()]
    labels = grade.integers(0, 10, batches, SIZE)
    labels[:, 0] = 0
    numbers = labels.float()
    numbers[:, 1:] += learned.reshape(batches, SIZE - 1)
    numbers[0::2, 0], numbers[1::2, 0] = 100.0, -100.0
    val_labels = grade.integers(0, 10, 40)
    val_numbers = val_labels + torch.linspace(0.05, 0.95, 40)
    answer = grade.ask(
        "rates", numbers=numbers, labels=labels, val_numbers=val_numbers, val_labels=val_labels, epochs=epochs
    )
    rates = torch.tensor(answer["rates"], dtype=torch.float64)
    steps = epochs * batches
    expect(len(rates) == steps, f"{epochs} epochs of {batches} batches take {len(rates)} optimizer steps")
    expect(
        answer["trace"].shape == (steps + 1, 20) and answer["weights"].shape == (20,),
        "the network has other parameters than before",
    )
    finite(answer["trace"], "what is trained")
    expect(bool(((rates >= 0) & rates.isfinite()).all()), "a learning rate is negative or not finite")
    expect(float(rates.max()) > 0, "the learning rate is zero all the time")
    expect(not bool(answer["trace"][0].any()), "the network has other weights at the start than it was given")
    moves = answer["trace"].double().diff(dim=0).norm(dim=1)
    expect(not bool(moves[rates == 0].any()), "the weights move at a learning rate of zero")
    # At least a hundredth of what the rate says: however the optimizer works, rates without moves are made up.
    at_work = rates > 0.05 * rates.max()
    expect(
        bool((moves > 0.01 * rates * GRADIENT)[at_work].all()),
        "the weights do not move at the rates that it has",
    )
    return rates, moves, torch.stack([answer["trace"][-1], answer["weights"]])


def _course(grade: Grade, batches: int = FEW) -> torch.Tensor:
    """The learning rate of each of the user's epochs, as a share of the highest."""
    rates, _, _ = _run(grade, EPOCHS, batches)
    return rates.reshape(EPOCHS, batches).mean(1) / rates.max()


@check("symptom", "in the last epochs the learning rate is far below its peak, so that the noise dies down")
def rate_is_low_at_the_end(grade: Grade) -> None:
    end = float(_course(grade)[-3:].mean())
    expect(
        end < 0.3, f"in the last 3 of {EPOCHS} epochs the learning rate is still at {end:.0%} of its highest"
    )


@check("cause", "the learning rate is still at work long after the first quarter of the run")
def rate_lasts(grade: Grade) -> None:
    course = _course(grade)
    for share, low in ((0.25, 0.02), (0.6, 0.009)):
        used = int((course > low).nonzero().max()) + 1
        expect(
            used > share * EPOCHS,
            f"after epoch {used} of {EPOCHS} the learning rate stays below {low:.1%} of its highest",
        )


@check("cause", "the learning rate peaks before 60 % of the run are over, and does not creep up after that")
def rate_comes_down(grade: Grade) -> None:
    course = _course(grade)
    top = int((course > 0.99 * course.max()).nonzero().min())
    expect(top < 0.6 * EPOCHS, f"the learning rate is highest only in epoch {top + 1} of {EPOCHS}")
    rises = course[top:].diff().clamp(min=0)
    # A warm restart is one jump; a schedule that swings back climbs little by little.
    climbed = float(rises[rises < 0.3].sum())
    expect(climbed < 0.1, f"after its peak the learning rate climbs again, by {climbed:.0%} of its highest")


@check("cause", "the course of the learning rate is the same however many batches an epoch has")
def course_follows_epochs(grade: Grade) -> None:
    few, many = _course(grade, FEW), _course(grade, MANY)
    for epoch in range(round(0.3 * EPOCHS), EPOCHS):
        near = many[epoch - 2 : epoch + 3]
        low, high, here = float(near.min()), float(near.max()), float(few[epoch])
        # A warmup of so many batches shifts what comes after it a little.
        expect(
            max(low - 0.2, low / 4 - 0.01) < here < min(high + 0.2, 4 * high + 0.01),
            f"in epoch {epoch + 1} the learning rate is at {here:.1%} of its highest with {FEW} batches "
            f"per epoch, and at {float(many[epoch]):.1%} with {MANY}",
        )


@check("collateral", "the optimizer is SGD, and its learning rate peaks near the 0.1 that was there")
def same_optimizer(grade: Grade) -> None:
    rates, moves, _ = _run(grade, EPOCHS, FEW)
    peak = float(rates.max())
    expect(RATE / 4 <= peak <= RATE * 4, f"the learning rate peaks at {peak:.3g}, far from {RATE}")
    for some_rates, some_moves in zip(rates.chunk(10), moves.chunk(10), strict=True):
        if float(some_rates.mean()) > 0.01 * peak:
            # The gradient's sign alternates: 1 for plain SGD, 0.5 with momentum, 1.5 with Nesterov's, 100 for Adam.
            share = float(some_moves.sum() / (some_rates.sum() * GRADIENT))
            expect(
                0.3 < share < 2,
                f"the weights move {share:.2g} times as far as SGD's learning rate and the gradient say",
            )


@check("collateral", "as many epochs are trained as are asked for, and the last step's weights remain")
def trains_to_the_end(grade: Grade) -> None:
    last, end = _run(grade, 12, 3)[2]
    close(end, last, "the weights after training", rtol=0.0, atol=0.0)


@check("collateral", "training still moves every parameter of the network")
def training_trains(grade: Grade) -> None:
    state = grade.reference("start")["state"]
    labels = torch.arange(16) % 4
    images = grade.normal(4, 3, 8, 8)[labels] + grade.normal(16, 3, 8, 8, std=0.3)
    weights = grade.ask("train", state=state, images=images, labels=labels, epochs=12)["trained"]
    finite(weights, "after training")
    moved(state, weights)
    before, after = (
        float(
            F.cross_entropy(
                grade.reference("logits", state=w, images=images, training=True)["logits"], labels
            )
        )
        for w in (state, weights)
    )
    expect(after < FALL * before, f"12 epochs on 16 images take the loss from {before:.3f} to {after:.3f}")


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state = grade.reference("start")["state"]
    for name, tensor in state.items():
        if tensor.is_floating_point():
            state[name] = tensor * grade.uniform(*tensor.shape, low=0.5, high=2.0)
    for training in (False, True):
        got, want = grade.both("logits", state=state, images=grade.normal(8, 3, 8, 8), training=training)
        close(got["logits"], want["logits"], "logits")

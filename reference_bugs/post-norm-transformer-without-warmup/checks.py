"""What must come out: a transformer that learns without the jump of its first steps, by steps that begin small.

Only the beginning of the training is looked at, where it goes wrong. The losses are computed here from the logits that
came back, and these where the weights came back as well.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, difference, expect, finite, same_form

BATCH, BATCHES = 8, 3
RUNS, JUMP = 3, 0.6
LEARNS = 0.2
SMALL = {"dim": 16, "depth": 2, "heads": 2}

State = dict[str, torch.Tensor]
SIZE = {"dim": 256, "depth": 8, "heads": 4}


def _begin(grade: Grade, steps: int) -> tuple[State, State, list[float], list[float]]:
    """Some first steps: weights before and after the first of them, the loss before and after each, their rates."""
    patterns = grade.normal(4, 16, 16)
    labels = grade.integers(0, 4, BATCH * BATCHES)
    images = 0.25 * patterns[labels] + grade.normal(len(labels), 16, 16)
    state = grade.reference("fresh", **SIZE)["state"]
    answer = grade.ask("begin", state=state, images=images, labels=labels, batch_size=BATCH, steps=steps)
    logits, rates = answer["logits"], answer["rates"]
    expect(len(rates) == steps, f"training takes {len(rates)} optimizer steps for {steps} batches")
    expect(logits.shape == (steps + 1, len(labels), 4), f"the logits have the shape {tuple(logits.shape)}")
    for weights in (answer["first"], answer["weights"]):
        same_form(weights, state, "the network has other parameters than before")
        finite(weights, "after training")
    finite(logits, "the network's output")
    want = grade.reference("logits", state=answer["weights"], images=images, **SIZE)["logits"]
    words = difference(logits[-1], want, rtol=1e-2, atol=1e-2)
    expect(not words, f"the network is another one than before; for the same weights {words}")
    losses = [float(F.cross_entropy(each.double(), labels)) for each in logits]
    return state, answer["first"], losses, rates


@check("symptom", "the loss does not jump in the first steps, and falls")
def it_trains(grade: Grade) -> None:
    # MARGIN
    jumps = []
    for run in range(RUNS):
        *_, losses, _ = _begin(grade, 2 if run else 10)
        jumps.append(max(losses) - losses[0])
        if not run:
            fall = losses[0] - losses[-1]
    jump = sum(jumps) / RUNS
    expect(
        jump < JUMP, f"in the first steps the loss rises by {jump:.2f} above that of the untrained network"
    )
    expect(fall > LEARNS, f"in the first ten steps the loss falls by {fall:.2f} only")


@check("cause", "the first step is small beside the peak of the learning rate")
def first_step_is_small(grade: Grade) -> None:
    state, first, _, rates = _begin(grade, 7)
    # The first step of Adam moves each weight by the rate itself, that of RAdam by far less.
    step = float(torch.cat([(first[n] - state[n]).flatten().abs() for n in state]).median())
    expect(step > 0, "the first step moves nothing")
    expect(
        step < 0.7 * max(rates),
        f"the first step moves weights by {step:.1e}, at a learning rate that gets no higher than {max(rates):.1e}",
    )


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state = grade.reference("fresh", **SMALL)["state"]
    got, want = grade.both("logits", state=state, images=grade.normal(4, 16, 16), **SMALL)
    close(got["logits"], want["logits"], "logits", rtol=1e-3, atol=1e-4)

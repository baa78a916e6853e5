"""What must come out: calibrated clicks that are the same however often they have been read.

Items are computed here from the clicks that were handed in. Training uses all clicks in one batch, so that their
order makes no difference, and is compared with the reference's.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

SAMPLES, HIDDEN, SPECIES = 32, 32, 3
OFFSET, GAIN = 1.5, 2.0

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.normal(HIDDEN, SAMPLES, std=0.2),
        "fc1.bias": grade.normal(HIDDEN, std=0.2),
        "fc2.weight": grade.normal(SPECIES, HIDDEN, std=0.2),
        "fc2.bias": grade.normal(SPECIES, std=0.2),
    }


def _clicks(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return OFFSET + GAIN * grade.normal(count, SAMPLES), grade.integers(0, SPECIES, count)


def _calibrated(clicks: torch.Tensor) -> torch.Tensor:
    return ((clicks.double() - OFFSET) / GAIN).float()


def _read(grade: Grade) -> tuple[dict[str, object], torch.Tensor]:
    """What reading clicks several times gives, and what it must give."""
    count = 20
    clicks, species = _clicks(grade, count)
    once = torch.randperm(count, generator=grade.generator()).tolist()
    indices = [*once, *once[:7], once[0], once[0], *reversed(once)]
    got = grade.ask("items", clicks=clicks, species=species, indices=indices)
    expect(got["lengths"] == [count, count], f"a dataset of {count} clicks has lengths of {got['lengths']}")
    close(got["labels"], species[indices].repeat(2), "the species of the items")
    return got, _calibrated(clicks)[indices]


@check("symptom", "a click is the same, calibrated, each time that it is read")
def items_repeat(grade: Grade) -> None:
    got, want = _read(grade)
    first = got["first"]
    assert isinstance(first, torch.Tensor)
    expect(first.shape == want.shape, f"{len(want)} items come out as {tuple(first.shape)}")
    for i, (a, b) in enumerate(zip(first, want, strict=True)):
        again = "read again, " if i >= 20 else ""
        close(a, b, f"{again}a click", rtol=1e-3, atol=1e-4)


@check("behaviour", "a training run ends in the weights of clicks that stay the same from epoch to epoch")
def training_sees_the_same_clicks(grade: Grade) -> None:
    for epochs in (1, 4):
        clicks, species = _clicks(grade, 48)
        inputs = {"clicks": clicks, "species": species, "epochs": epochs, "batch_size": 48}
        got, want = grade.both("train", state=_state(grade), **inputs)
        close(got["weights"], want["weights"], f"after {epochs} epochs a weight", rtol=1e-3, atol=1e-4)


@check("cause", "reading clicks leaves them as they are for whoever uses them next")
def stored_clicks_stay(grade: Grade) -> None:
    got, want = _read(grade)
    close(
        got["second"],
        want,
        "read through another dataset over the same tensors, a click",
        rtol=1e-3,
        atol=1e-4,
    )


@check("collateral", "the accuracy is that of the network on calibrated clicks, and stays so")
def same_accuracy(grade: Grade) -> None:
    state = _state(grade)
    w = {name: tensor.double() for name, tensor in state.items()}
    clicks, _ = _clicks(grade, 260)
    hidden = torch.relu(_calibrated(clicks).double() @ w["fc1.weight"].T + w["fc1.bias"])
    scores = hidden @ w["fc2.weight"].T + w["fc2.bias"]
    top = scores.topk(2, 1).values
    keep = top[:, 0] - top[:, 1] > 1e-3
    clicks, best = clicks[keep], scores.argmax(1)[keep]
    wrong = grade.uniform(len(best)) < 0.4
    species = torch.where(wrong, (best + 1) % SPECIES, best)
    want = float((~wrong).double().mean())
    got = grade.ask("accuracy", state=state, clicks=clicks, species=species, times=3)["accuracies"]
    expect(len(got) == 3, f"3 measurements give {len(got)} accuracies")
    for value in got:
        expect(abs(value - want) < 1e-5, f"the accuracy is {want:.4f}, but is given as {value:.4f}")

"""What must come out: hidden units that are dropped in all epochs of training, and in no validation.

Which units a step dropped is read off the weights: with one call per batch nothing that belongs to a dropped unit
moves, and the gradient with exactly the other units, scaled up, must explain the step. Validations are computed here, in
float64, from the weights at the end of each epoch.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite

BANDS, WIDTH, SPECIES = 30, 128, 6
CALLS, EPOCHS = 6, 4
LR = 0.1

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "bands.weight": grade.normal(WIDTH, BANDS, std=0.18),
        "bands.bias": grade.normal(WIDTH, std=0.2),
        "species.weight": grade.normal(SPECIES, WIDTH, std=0.15),
        "species.bias": grade.normal(SPECIES, std=0.2),
    }


def _scores(state: State, calls: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.relu(calls.double() @ w["bands.weight"].T + w["bands.bias"])
    if mask is not None:
        hidden = hidden * mask
    return hidden @ w["species.weight"].T + w["species.bias"]


def _calls(grade: Grade) -> dict[str, torch.Tensor]:
    return {
        "calls": grade.normal(CALLS, BANDS, std=0.7),
        "birds": grade.integers(0, SPECIES, CALLS),
        "val_calls": grade.normal(40, BANDS),
        "val_birds": grade.integers(0, SPECIES, 40),
    }


def _trace(grade: Grade, rate: float, data: dict[str, torch.Tensor], epochs: int) -> list[State]:
    """Weights before training and after each step."""
    state = _state(grade)
    answer = grade.ask("fit", rate=rate, state=state, epochs=epochs, batch_size=1, **data)
    states = [state, *answer["trace"]]
    expect(
        len(states) == epochs * CALLS + 1,
        f"{epochs} epochs of {CALLS} batches take {len(states) - 1} optimizer steps",
    )
    for number, after in enumerate(states[1:], 1):
        expect(
            set(after) == set(state) and all(after[n].shape == t.shape for n, t in state.items()),
            "the network has other parameters than before",
        )
        finite(after, f"after step {number}")
    close(answer["weights"], states[-1], "the weights after training", rtol=0.0, atol=0.0)
    return states


def _kept(before: State, after: State, call: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which units a step kept, and of which of them one can tell."""
    hidden = torch.relu(call.double() @ before["bands.weight"].double().T + before["bands.bias"].double())[0]
    kept = (after["species.weight"] != before["species.weight"]).any(0)
    # A unit that is nearly silent moves nothing, dropped or not.
    return kept | (after["bands.bias"] != before["bands.bias"]), hidden > 0.05


@check("symptom", "about the given share of units is dropped in every epoch")
def units_drop_in_every_epoch(grade: Grade) -> None:
    # The share of about 60 units in each of 6 steps: over 400 draws each, 0.499 +- 0.028 and 0.191 +- 0.026.
    for rate in (0.5, 0.8):
        data = _calls(grade)
        states = _trace(grade, rate, data, EPOCHS)
        for epoch in range(EPOCHS):
            kept = known = 0
            for call in range(CALLS):
                step = epoch * CALLS + call
                units, tell = _kept(states[step], states[step + 1], data["calls"][[call]])
                kept, known = kept + int(units[tell].sum()), known + int(tell.sum())
            # Without any unit that is awake nothing could be told.
            share = kept / known if known > 100 else -1.0
            expect(
                abs(share - (1 - rate)) < 0.18,
                f"at dropout {rate} a share of {share:.2f} of the hidden units is kept in epoch {epoch + 1}",
            )


@check(
    "cause",
    "each step follows the gradient of the units that it kept, scaled up, and drops others than the last",
)
def steps_follow_their_masks(grade: Grade) -> None:
    for rate in (0.5, 0.2):
        data = _calls(grade)
        states = _trace(grade, rate, data, 3)
        masks: list[torch.Tensor] = []
        for step in range(3 * CALLS):
            before, after = states[step], states[step + 1]
            row = [step % CALLS]
            kept, tell = _kept(before, after, data["calls"][row])
            w = {name: tensor.double().requires_grad_() for name, tensor in before.items()}
            loss = F.cross_entropy(
                _scores(w, data["calls"][row], kept.double() / (1 - rate)), data["birds"][row]
            )
            wanted = torch.autograd.grad(loss, list(w.values()))
            want = torch.cat([(-LR * g).flatten() for g in wanted])
            got = torch.cat([(after[n].double() - before[n].double()).flatten() for n in w])
            rest = float((got - want).norm())
            expect(
                rest < 1e-2 * float(want.norm()) + 1e-5,
                f"in epoch {step // CALLS + 1} a step is none of SGD with dropout {rate}",
            )
            expect(bool((~kept)[tell].any()), f"in epoch {step // CALLS + 1} a step drops no unit")
            masks.append(kept)
        # Steps on the same call, an epoch apart.
        for a, b in zip(masks, masks[CALLS:], strict=False):
            expect(not torch.equal(a, b), "the same units are dropped in another epoch")


@check("collateral", "each validation is that of the whole network, without dropout")
def validations_use_all_units(grade: Grade) -> None:
    data = _calls(grade)
    state = _state(grade)
    answer = grade.ask("fit", rate=0.5, state=state, epochs=EPOCHS, batch_size=1, **data)
    ends = answer["trace"][CALLS - 1 :: CALLS]
    expect(
        len(ends) == len(answer["losses"]) == EPOCHS,
        f"{EPOCHS} epochs give {len(answer['losses'])} validations",
    )
    for number, (weights, loss, share) in enumerate(
        zip(ends, answer["losses"], answer["shares"], strict=True), 1
    ):
        expect(set(weights) == set(state), "the network has other parameters than before")
        expect(not torch.equal(weights["bands.weight"], state["bands.weight"]), "training moves no weight")
        scores = _scores(weights, data["val_calls"])
        want = float(F.cross_entropy(scores, data["val_birds"]))
        close(loss, want, f"the validation loss of epoch {number}", rtol=1e-3)
        top = scores.topk(2).values
        unclear = float((top[:, 0] - top[:, 1] < 1e-4).double().mean())
        right = float((scores.argmax(1) == data["val_birds"]).double().mean())
        expect(
            abs(share - right) < unclear + 1e-6,
            f"the share of recognised calls is given as {share:.3f} in epoch {number}, but is {right:.3f}",
        )


@check("collateral", "at dropout 0 training ends in the weights that it ended in before")
def same_training(grade: Grade) -> None:
    inputs = {"rate": 0.0, "state": _state(grade), "epochs": 3, "batch_size": 4, **_calls(grade)}
    got, want = grade.both("fit", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=2e-3, atol=1e-4)


@check("collateral", "the network in evaluation mode is as it was")
def same_network(grade: Grade) -> None:
    state, calls = _state(grade), grade.normal(9, BANDS)
    got = grade.ask("scores", rate=0.5, state=state, calls=calls)["scores"]
    close(got, _scores(state, calls).float(), "scores", rtol=1e-3, atol=1e-4)

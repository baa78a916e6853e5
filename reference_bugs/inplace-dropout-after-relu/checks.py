"""What must come out: true dropout between the layers, and gradients that belong to what it dropped.

Which units were dropped can be read off the output: all but 128 hidden units are held at zero by their bias,
and the second layer's weights on the other 128 form an orthogonal matrix, so that the output has one solution.
With the mask known, output and gradients are computed here in float64, whatever random numbers a fix drew.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, moved, same_gradients

State = dict[str, torch.Tensor]

ALONG = 0.2  # of 10 draws of each program the least was 0.67; unrelated weights have about 0


def _setup(grade: Grade) -> tuple[State, torch.Tensor]:
    """Weights of the model, and the 128 hidden units that are alive."""
    alive = torch.randperm(256, generator=grade.generator())[:128]
    bias = torch.full((256,), -50.0)
    bias[alive] = grade.normal(128, std=0.3)
    weight = grade.normal(128, 256, std=0.1)
    weight[:, alive] = torch.linalg.qr(grade.normal(128, 128)).Q
    state = {
        "fc1.weight": grade.normal(256, 128, std=0.09),
        "fc1.bias": bias,
        "fc2.weight": weight,
        "fc2.bias": grade.normal(128, std=0.1),
    }
    return state, alive


def _batch(grade: Grade, state: State, alive: torch.Tensor, rows: int) -> torch.Tensor:
    # No living unit is so close to zero that rounding could hide whether it was dropped.
    data = grade.normal(4 * rows + 16, 128)
    hidden = (data @ state["fc1.weight"].T + state["fc1.bias"])[:, alive]
    return data[hidden.abs().min(1).values > 1e-3][:rows]


def _mask(
    output: torch.Tensor, state: State, alive: torch.Tensor, data: torch.Tensor, rate: float
) -> torch.Tensor:
    """Which hidden units a pass kept, 0 or 1, with NaN where a unit was zero anyway."""
    finite(output, "the output in training")
    w = {name: tensor.double() for name, tensor in state.items()}
    full = torch.relu(data.double() @ w["fc1.weight"].T + w["fc1.bias"])
    seen = (output.double() - w["fc2.bias"]) @ w["fc2.weight"][:, alive]
    mask = torch.full_like(full, torch.nan)
    kept = seen / full[:, alive] * (1 - rate)
    mask[:, alive] = torch.where(full[:, alive] > 0, kept, torch.nan)
    known = mask[~mask.isnan()]
    wrong = ((known - known.round()).abs() > 0.02) | (known.round().clamp(0, 1) != known.round())
    expect(
        not bool(wrong.any()),
        f"at rate {rate} a hidden unit reaches the second layer {float(known[wrong][:1].sum()) / (1 - rate):.3g} "
        f"times, not 0 or {1 / (1 - rate):.3g} times"
        if bool(wrong.any())
        else "",
    )
    return mask.round()


def _gradients(
    state: State, data: torch.Tensor, target: torch.Tensor, mask: torch.Tensor, rate: float
) -> State:
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    hidden = torch.relu(data.double() @ w["fc1.weight"].T + w["fc1.bias"]) * mask.nan_to_num(0.0) / (1 - rate)
    loss = (hidden @ w["fc2.weight"].T + w["fc2.bias"] - target.double()).square().mean()
    return dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))


@check("symptom", "a training step with dropout runs and moves all weights")
def training_step_runs(grade: Grade) -> None:
    state, _ = _setup(grade)
    data, target = grade.normal(32, 128), grade.normal(32, 128)
    after = grade.ask("steps", state=state, rate=None, lr=0.1, data=[data], targets=[target])["states"][0]
    for name, tensor in after.items():
        finite(tensor, f"{name} after a step")
    moved(state, after, "a training step")
    # Without dropout, so that it is about the mean over masks.
    mean = _gradients(state, data, target, torch.ones(32, 256), 0.0)
    for name, gradient in mean.items():
        move = (state[name].double() - after[name].double()).flatten()
        along = float(move @ gradient.flatten() / (move.norm() * gradient.norm()))
        expect(along > ALONG, f"the step of {name} has nothing to do with its gradient")


@check(
    "behaviour", "dropout drops hidden units at its rate, anew for each row and pass, and scales up the rest"
)
def dropout_drops(grade: Grade) -> None:
    for rate in (0.5, 0.2):
        state, alive = _setup(grade)
        data = _batch(grade, state, alive, 32)
        asked = None if rate == 0.5 else rate
        inputs = {
            "state": state,
            "rate": asked,
            "training": True,
            "data": data,
            "target": grade.normal(32, 128),
        }
        outputs = grade.ask("passes", **inputs, count=3)["outputs"]
        expect(tuple(outputs.shape) == (3, 32, 128), f"the outputs have the shape {tuple(outputs.shape)}")
        masks = torch.stack([_mask(output, state, alive, data, rate) for output in outputs])
        kept = float(masks.nanmean())
        expect(
            abs(kept - (1 - rate)) < 0.06, f"at rate {rate} a share of {kept:.2f} of the hidden units is kept"
        )
        agree = rate**2 + (1 - rate) ** 2
        for what, a, b in (("passes", masks[:-1], masks[1:]), ("rows", masks[:, :-1], masks[:, 1:])):
            known = ~(a.isnan() | b.isnan())
            share = float((a == b)[known].double().mean())
            expect(
                abs(share - agree) < 0.1,
                f"two {what} drop the same units: {share:.0%} agree, not {agree:.0%}",
            )


@check("cause", "the gradients belong to the units that were dropped and to their scale")
def gradients_are_right(grade: Grade) -> None:
    for rate in (0.5, 0.3):
        state, alive = _setup(grade)
        data, target = _batch(grade, state, alive, 24), grade.normal(24, 128)
        inputs = {"state": state, "rate": rate, "training": True, "data": data, "target": target, "count": 2}
        answer = grade.ask("passes", **inputs)
        expect(tuple(answer["outputs"].shape) == (2, 24, 128), "two passes do not give two outputs")
        for output, got in zip(answer["outputs"], answer["gradients"], strict=True):
            mask = _mask(output, state, alive, data, rate)
            same_gradients(got, _gradients(state, data, target, mask, rate), rtol=2e-3, slack=1e-4)


@check("cause", "a training step trains with dropout, and all weights follow its gradient")
def step_follows_gradient(grade: Grade) -> None:
    rate, lr = 0.5, 0.5
    dropped = 0
    for _ in range(3):
        state, alive = _setup(grade)
        data, target = _batch(grade, state, alive, 1), grade.normal(1, 128)
        after = grade.ask("steps", state=state, rate=rate, lr=lr, data=[data], targets=[target])["states"][0]
        expect(set(after) == set(state), "the model has other parameters after a training step")
        # With a single row the move of the last bias tells the output.
        output = target + 64 * (state["fc2.bias"].double() - after["fc2.bias"].double()) / lr
        mask = _mask(output, state, alive, data, rate)
        dropped += int((mask == 0).sum())
        want = _gradients(state, data, target, mask, rate)
        for name, gradient in want.items():
            move = (state[name].double() - after[name].double()) / lr
            # Weights around -50 are exact to 4e-6 only, but do not move.
            slack = 4e-6 * (1 + float(gradient.abs().max()))
            close(move, gradient, f"the step of {name} over the learning rate", rtol=5e-3, atol=slack)
    expect(dropped > 0, "a training step drops no hidden unit")


@check("collateral", "in evaluation nothing is dropped and nothing scaled")
def evaluation_is_plain(grade: Grade) -> None:
    state, _ = _setup(grade)
    inputs = {"state": state, "rate": 0.5, "training": False, "data": grade.normal(8, 128), "count": 2}
    got, want = grade.both("passes", **inputs, target=grade.normal(8, 128))
    close(got, want, "in evaluation", rtol=1e-3, atol=1e-6)


@check("collateral", "a training step is one step of the optimizer on the mean squared error of its batch")
def same_training_step(grade: Grade) -> None:
    # At rate 0 nothing is random, so that the steps can be compared.
    state, _ = _setup(grade)
    data = [grade.normal(4, 128) for _ in range(3)]
    targets = [grade.normal(4, 128) for _ in range(3)]
    got, want = grade.both("steps", state=state, rate=0.0, lr=0.1, data=data, targets=targets)
    close(got, want, "training at rate 0", rtol=1e-3, atol=1e-5)

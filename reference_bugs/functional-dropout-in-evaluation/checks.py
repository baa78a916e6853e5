"""What must come out: nothing dropped in evaluation, and true dropout in training.

Which units a pass dropped can be read off its output: with the weights given here, living hidden unit i adds 2^i to the
price (other units are held at zero by their bias), times 1 / 0.7 where it is kept.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

MEASURES, HIDDEN, RATE, LR = 8, 32, 0.3, 0.05
LIVE = 10

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.normal(HIDDEN, MEASURES, std=0.4),
        "fc1.bias": grade.normal(HIDDEN, std=0.3),
        "fc2.weight": grade.normal(1, HIDDEN, std=0.4),
        "fc2.bias": grade.normal(1),
    }


def _plain(state: State, measures: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.relu(measures.double() @ w["fc1.weight"].T + w["fc1.bias"])
    return (hidden @ w["fc2.weight"].T + w["fc2.bias"])[:, 0]


def _counting(grade: Grade) -> tuple[State, torch.Tensor]:
    """Weights by which the price tells the units that were kept, and the living units."""
    live = torch.randperm(HIDDEN, generator=grade.generator())[:LIVE]
    state = _state(grade)
    state["fc1.weight"] *= 0.0
    state["fc1.bias"] = torch.full((HIDDEN,), -1.0)
    state["fc1.bias"][live] = 1.0
    state["fc2.weight"][0, live] = 2.0 ** torch.arange(LIVE) / 2**LIVE
    return state, live


def _kept(state: State, live: torch.Tensor, prices: torch.Tensor, where: str) -> torch.Tensor:
    """Which living units were kept in each pass and row: (..., LIVE) of zeros and ones."""
    finite(prices, f"a price {where}")
    total = (prices.double() - state["fc2.bias"].double()) * (1 - RATE) * 2**LIVE
    code = total.round()
    whole = bool(((total - code).abs() < 0.05).all() and (code >= 0).all() and (code < 2**LIVE).all())
    expect(
        whole, f"{where} the hidden units are not dropped at {RATE:.0%} and scaled up by 1 / {1 - RATE:.1f}"
    )
    return (code.long()[..., None] >> torch.arange(LIVE)) & 1


@check("symptom", "the same bottles get the same estimates each time")
def estimates_stay(grade: Grade) -> None:
    state, measures = _state(grade), grade.normal(12, MEASURES)
    prices = grade.ask("estimate", state=state, measures=measures, times=3)["prices"]
    expect(prices.shape == (3, 12), f"three estimates of 12 bottles have the shape {tuple(prices.shape)}")
    finite(prices, "an estimate")
    gap = float((prices - prices[0]).abs().max())
    expect(gap < 1e-4, f"an estimate changes by {10 * gap:.2f} euros from call to call")
    expect(float((prices[0] - prices[0, 0]).abs().max()) > 1e-3, "all bottles get the same estimate")


@check("behaviour", "an estimate comes from all hidden units, none of them scaled")
def estimates_use_all_units(grade: Grade) -> None:
    for _ in range(2):
        state, measures = _state(grade), grade.normal(16, MEASURES)
        prices = grade.ask("estimate", state=state, measures=measures, times=1)["prices"]
        close(prices, _plain(state, measures)[None], "the estimates", rtol=1e-3, atol=1e-4)


@check("cause", "in evaluation mode the network drops nothing, gradients or not")
def evaluation_mode_is_plain(grade: Grade) -> None:
    state, measures = _state(grade), grade.normal(16, MEASURES)
    prices = grade.ask("passes", state=state, measures=measures, training=False, times=2)["prices"]
    close(prices, _plain(state, measures).expand(2, -1), "the prices", rtol=1e-3, atol=1e-4)


@check("collateral", "in training each hidden unit is dropped at its rate, anew for each row and pass")
def training_drops_units(grade: Grade) -> None:
    state, live = _counting(grade)
    rows = 200
    measures = grade.normal(rows, MEASURES)
    prices = grade.ask("passes", state=state, measures=measures, training=True, times=4)["prices"]
    expect(prices.shape == (4, rows), f"four passes over {rows} bottles have the shape {tuple(prices.shape)}")
    kept = _kept(state, live, prices, "in training")
    # Of 8,000 draws the share has a standard deviation of 0.005, and that of pairs of at least 6,000 one of 0.006 to 0.009.
    share = float(kept.double().mean())
    expect(abs(share - (1 - RATE)) < 0.03, f"in training a share of {share:.2f} of the hidden units is kept")
    alike = RATE**2 + (1 - RATE) ** 2
    pairs = {
        "passes": (kept[1:], kept[:-1]),
        "rows": (kept[:, 1:], kept[:, :-1]),
        "units": (kept[..., 1:], kept[..., :-1]),
    }
    for what, (a, b) in pairs.items():
        same = float((a == b).double().mean())
        expect(
            abs(same - alike) < 0.05, f"two {what} are dropped alike in {same:.0%} of cases, not {alike:.0%}"
        )


@check("collateral", "train() drops units, and its step follows the gradient of those that were kept")
def steps_follow_the_kept(grade: Grade) -> None:
    dropped = 0
    state, live = _counting(grade)
    measures, prices = grade.normal(8, 1, MEASURES), grade.normal(8, 1)
    inputs = {"measures": list(measures), "prices": list(prices), "epochs": 1, "batch_size": 1}
    states = grade.ask("train", state=state, **inputs)["states"]
    expect(len(states) == 8, f"eight runs of training give {len(states)} sets of weights")
    for after, x, y in zip(states, measures, prices, strict=True):
        same_form(after, state, "the network has other parameters than before")
        finite(after, "after training")
        # With one bottle the move of the last bias tells the price, and so which units were kept.
        push = (state["fc2.bias"].double() - after["fc2.bias"].double()) / LR
        kept = _kept(state, live, y.double() + push / 2, "in train()")[0]
        dropped += int((kept == 0).sum())
        scale = torch.zeros(HIDDEN, dtype=torch.float64)
        scale[live] = kept.double() / (1 - RATE)
        head = push * scale
        back = push * scale * state["fc2.weight"][0].double()
        want = {"fc2.weight": head[None], "fc1.bias": back, "fc1.weight": back[:, None] * x.double()}
        for name, gradient in want.items():
            move = (state[name].double() - after[name].double()) / LR
            close(move, gradient, f"the step of {name} over the rate", rtol=5e-3, atol=1e-4)
    expect(dropped > 0, "train() drops no hidden unit")


@check("collateral", "train() goes over all batches in turn, epoch by epoch")
def same_training(grade: Grade) -> None:
    # All hidden units are held at zero, so that nothing hangs on what is dropped and the last bias alone moves.
    state = _state(grade)
    state["fc1.bias"] = torch.full((HIDDEN,), -50.0)
    measures, prices = grade.normal(7, MEASURES), grade.normal(7)
    inputs = {"measures": [measures], "prices": [prices], "epochs": 2, "batch_size": 3}
    states = grade.ask("train", state=state, **inputs)["states"]
    expect(len(states) == 1, f"one run of training gives {len(states)} sets of weights")
    same_form(states[0], state, "the network has other parameters than before")
    want = {name: tensor.double() for name, tensor in state.items()}
    for _ in range(2):
        for batch in prices.double().split(3):
            want["fc2.bias"] = want["fc2.bias"] - LR * 2 * (want["fc2.bias"] - batch.mean())
    for name, tensor in want.items():
        close(states[0][name], tensor, f"{name} after training", rtol=1e-3, atol=1e-5)

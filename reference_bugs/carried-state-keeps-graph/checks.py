"""What must come out: weights of one step per window, whose gradients stop at its start while the memory goes on.

The weights are compared with those of a truncated pass that is written out here in float64.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, moved, same_form

HIDDEN, RATE, MOMENTUM = 12, 0.1, 0.9

State = dict[str, torch.Tensor]


def _state(grade: Grade, keep: float) -> State:
    bias = grade.normal(4 * HIDDEN, std=0.2)
    bias[HIDDEN : 2 * HIDDEN] += keep
    return {
        "rnn.weight_ih_l0": grade.normal(4 * HIDDEN, 1, std=0.6),
        "rnn.weight_hh_l0": grade.normal(4 * HIDDEN, HIDDEN, std=0.35 if keep > 0 else 0.02),
        "rnn.bias_ih_l0": bias,
        "rnn.bias_hh_l0": grade.normal(4 * HIDDEN, std=0.2),
        "head.weight": grade.normal(1, HIDDEN, std=0.4),
        "head.bias": grade.normal(1, std=0.2),
    }


def _run(
    w: State, hours: torch.Tensor, memory: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    hidden, cell = memory
    out = []
    for t in range(hours.shape[1]):
        gates = hours[:, t] @ w["rnn.weight_ih_l0"].T + w["rnn.bias_ih_l0"]
        gates = gates + hidden @ w["rnn.weight_hh_l0"].T + w["rnn.bias_hh_l0"]
        i, f, g, o = gates.chunk(4, 1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        out.append(hidden @ w["head.weight"].T + w["head.bias"])
    return torch.stack(out, 1), (hidden, cell)


def _blank(rows: int) -> tuple[torch.Tensor, ...]:
    return (torch.zeros(rows, HIDDEN, dtype=torch.float64), torch.zeros(rows, HIDDEN, dtype=torch.float64))


def _trained(state: State, counts: torch.Tensor, window: int, epochs: int) -> State:
    """Weights after one step of SGD with momentum per window, the memory carried on without its graph."""
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    speed = {name: torch.zeros_like(tensor) for name, tensor in w.items()}
    counts, hours = counts.double(), counts.shape[1] - 1
    for _ in range(epochs):
        memory = _blank(len(counts))
        for start in range(0, hours, window):
            end = min(start + window, hours)
            forecast, memory = _run(w, counts[:, start:end], memory)
            loss = F.mse_loss(forecast, counts[:, start + 1 : end + 1])
            grads = torch.autograd.grad(loss, list(w.values()))
            memory = tuple(part.detach() for part in memory)
            with torch.no_grad():
                for (name, tensor), gradient in zip(w.items(), grads, strict=True):
                    speed[name] = MOMENTUM * speed[name] + gradient
                    tensor -= RATE * speed[name]
    return {name: tensor.detach() for name, tensor in w.items()}


def _off(grade: Grade, window: int, hours: int, epochs: int, keep: float = 2.0) -> float:
    """How far the weights end from where they should, as a share of the way."""
    state, counts = _state(grade, keep), grade.normal(4, hours + 1, 1)
    answer = grade.ask("train", state=state, counts=counts, window=window, epochs=epochs)
    got, want = answer["weights"], _trained(state, counts, window, epochs)
    same_form(got, state, "the network has other parameters after training")
    finite(got, "after training")
    moved(state, got)
    steps = -(-hours // window) * epochs
    expect(answer["steps"] == steps, f"{steps} windows give {answer['steps']} steps of the optimizer")
    off = sum(float((got[name].double() - want[name]).square().sum()) for name in want)
    way = sum(float((want[name] - state[name].double()).square().sum()) for name in want)
    return (off / way) ** 0.5


@check("symptom", "training goes over several windows, one step each, and every layer trains")
def trains_over_windows(grade: Grade) -> None:
    # A memory that hardly lasts: whether it is carried on is the next check's.
    share = _off(grade, window=6, hours=18, epochs=1, keep=-4.0)
    expect(share < 0.5, f"after three windows the weights are off by {share:.0%} of their way")


@check("cause", "each window goes on from the memory of the one before, and its gradient stops at its start")
def windows_share_values_alone(grade: Grade) -> None:
    # Of 40 draws right fixes are off by at most 1e-5 of the way, a lost memory or a longer gradient by at least 0.29.
    for window, hours, epochs in ((1, 6, 1), (2, 9, 1), (4, 16, 2), (5, 23, 1)):
        share = _off(grade, window, hours, epochs)
        expect(
            share < 1e-3, f"over windows of {window} hours the weights are off by {share:.1%} of their way"
        )


@check("collateral", "a single window trains as before")
def same_single_window(grade: Grade) -> None:
    share = _off(grade, window=10, hours=10, epochs=3)
    expect(share < 1e-3, f"after steps over one window the weights are off by {share:.1%} of their way")


@check("collateral", "forecasts are those of the LSTM, also where its memory is handed on")
def same_forecasts(grade: Grade) -> None:
    state, counts = _state(grade, 2.0), grade.normal(3, 9, 1)
    answer = grade.ask("forecast", state=state, counts=counts, cut=4)
    w = {name: tensor.double() for name, tensor in state.items()}
    want, _ = _run(w, counts.double(), _blank(3))
    for part in ("whole", "parts"):
        close(answer[part], want.float(), "the forecasts", rtol=1e-4, atol=1e-5)

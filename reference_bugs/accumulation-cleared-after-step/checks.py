"""What must come out: the weights that large batches give, trained here in float64 by plain SGD.

All batches are full, so that the mean of a window's means and the mean of its hives are the same.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, moved, same_form

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "comb.weight": grade.uniform(24, 10, low=-0.3, high=0.3),
        "comb.bias": grade.uniform(24, low=-0.3, high=0.3),
        "out.weight": grade.uniform(1, 24, low=-0.2, high=0.2),
        "out.bias": grade.uniform(1, low=-0.2, high=0.2),
    }


def _outputs(w: State, x: torch.Tensor) -> torch.Tensor:
    hidden = torch.tanh(x.double() @ w["comb.weight"].double().T + w["comb.bias"].double())
    return (hidden @ w["out.weight"].double().T + w["out.bias"].double()).squeeze(1)


def _agrees(
    grade: Grade, batches: int, size: int, window: int, epochs: int, atol: float = 1e-5, named: bool = True
) -> None:
    state, x = _state(grade), grade.normal(batches * size, 10)
    honey = 4 + x[:, 0] - 0.5 * x[:, 1] + grade.normal(len(x), std=0.3)
    sizes = {"batch_size": size, "window": window} if named else {}
    got = grade.ask("train", state=state, readings=x, honey=honey, epochs=epochs, **sizes)["weights"]
    same_form(got, state, "the network has other weights than before")
    moved(state, got, f"{batches} batches")
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    optimizer = torch.optim.SGD(w.values(), lr=0.02, momentum=0.9)
    for _ in range(epochs):
        for rows in torch.arange(len(x)).split(size * window):
            optimizer.zero_grad()
            F.mse_loss(_outputs(w, x[rows]), honey[rows].double()).backward()
            optimizer.step()
    close(got, {name: t.detach().float() for name, t in w.items()}, "weights", rtol=1e-3, atol=atol)


@check("behaviour", "a window of batches moves the weights as the one large batch that it stands for")
def window_is_a_large_batch(grade: Grade) -> None:
    for size, window in ((4, 4), (8, 3)):
        _agrees(grade, window, size, window, 1)


@check("cause", "each window has its own gradient alone, in all epochs")
def windows_keep_apart(grade: Grade) -> None:
    _agrees(grade, 12, 4, 4, 1)
    _agrees(grade, 8, 4, 4, 3, atol=3e-5)


@check("behaviour", "the batches left over at the end of an epoch make a step of their own")
def left_over_batches_count(grade: Grade) -> None:
    _agrees(grade, 6, 4, 4, 1)
    _agrees(grade, 7, 5, 3, 2, atol=3e-5)


@check("collateral", "a step still stands for 32 hives where nobody asks for another number")
def same_defaults(grade: Grade) -> None:
    _agrees(grade, 6, 8, 4, 1, named=False)


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state, x = _state(grade), grade.normal(9, 10)
    got = grade.ask("outputs", state=state, readings=x)["outputs"]
    close(got, _outputs(state, x).float(), "the outputs", rtol=1e-3, atol=1e-5)

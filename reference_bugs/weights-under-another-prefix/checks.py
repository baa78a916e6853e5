"""What must come out: a loaded network that computes what the moving average of the trained weights computes.

Training is repeated here in float64, by plain SGD with momentum, and the average with it. Two trainings are done before
either checkpoint is loaded.
"""

from typing import Any

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

State = dict[str, torch.Tensor]

MEASURES, WIDTH, SPECIES = 24, 40, 6
DECAY = 0.9


def _state(grade: Grade) -> State:
    state = {}
    for name, rows, columns in (("embed", WIDTH, MEASURES), ("mix", WIDTH, WIDTH), ("head", SPECIES, WIDTH)):
        bound = columns**-0.5
        state[f"{name}.weight"] = grade.uniform(rows, columns, low=-bound, high=bound)
        state[f"{name}.bias"] = grade.uniform(rows, low=-bound, high=bound)
    return state


def _logits(w: State, x: torch.Tensor) -> torch.Tensor:
    for name in ("embed", "mix", "head"):
        x = x.double() @ w[f"{name}.weight"].double().T + w[f"{name}.bias"].double()
        x = torch.relu(x) if name != "head" else x
    return x


def _train(state: State, x: torch.Tensor, y: torch.Tensor, epochs: int, size: int) -> tuple[State, State]:
    """The weights after training, and their moving average."""
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    optimizer = torch.optim.SGD(w.values(), lr=0.05, momentum=0.9)
    average: State = {}
    for _ in range(epochs):
        for xs, ys in zip(x.split(size), y.split(size), strict=True):
            optimizer.zero_grad()
            F.cross_entropy(_logits(w, xs), ys).backward()
            optimizer.step()
            average = {n: DECAY * average.get(n, t.detach()) + (1 - DECAY) * t.detach() for n, t in w.items()}
    return {name: tensor.detach() for name, tensor in w.items()}, average


def _leaves(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    centres = grade.normal(SPECIES, MEASURES)
    species = grade.integers(0, SPECIES, count)
    return centres[species] + 1.5 * grade.normal(count, MEASURES), species


def _ask(grade: Grade, inputs: dict[str, Any]) -> dict[str, Any]:
    answer = grade.ask("round_trip", **inputs)
    count = len(inputs["states"])
    lengths = [len(answer[name]) for name in ("trained", "logits", "training")]
    expect(lengths == [count] * 3, f"{count} trainings leave {lengths[1]} loaded networks")
    for entry in answer["logits"]:
        expect(list(entry) == ["logits"], "a loaded network gives no logits, or more than those")
        shape = tuple(entry["logits"].shape)
        expect(shape == (len(inputs["fresh"]), SPECIES), f"logits have the shape {shape}")
    return answer


@check("symptom", "the loaded network is about as accurate as the one that was saved")
def loaded_accuracy(grade: Grade) -> None:
    leaves, species = _leaves(grade, 320)
    state = _state(grade)
    inputs = {"states": [state], "leaves": [leaves], "species": [species], "fresh": leaves, "epochs": 3}
    (entry,) = _ask(grade, {**inputs, "batch_size": 40})["logits"]
    _, average = _train(state, leaves, species, 3, 40)
    want = float((_logits(average, leaves).argmax(1) == species).double().mean())
    got = float((entry["logits"].argmax(1) == species).double().mean())
    expect(got > want - 0.04, f"the averaged network is {want:.1%} accurate, the loaded one {got:.1%}")


@check("cause", "every checkpoint gives the averaged weights back, all of them")
def averaged_weights_come_back(grade: Grade) -> None:
    for epochs, size in ((1, 24), (3, 8)):
        states = [_state(grade), _state(grade)]
        data = [_leaves(grade, 24), _leaves(grade, 24)]
        fresh = grade.normal(16, MEASURES, std=2.0)
        inputs = {
            "states": states,
            "leaves": [x for x, _ in data],
            "species": [y for _, y in data],
            "fresh": fresh,
            "epochs": epochs,
        }
        answer = _ask(grade, {**inputs, "batch_size": size})
        for entry, state, (x, y) in zip(answer["logits"], states, data, strict=True):
            _, average = _train(state, x, y, epochs, size)
            want = _logits(average, fresh).float()
            close(entry["logits"], want, "a logit of the loaded network", rtol=1e-3, atol=1e-3)


@check("collateral", "training moves the network itself as it did, and a loaded one is in evaluation mode")
def same_training(grade: Grade) -> None:
    states, data = [_state(grade), _state(grade)], [_leaves(grade, 40), _leaves(grade, 40)]
    leaves, species = [x for x, _ in data], [y for _, y in data]
    inputs = {"states": states, "leaves": leaves, "species": species, "fresh": leaves[0], "epochs": 2}
    answer = _ask(grade, {**inputs, "batch_size": 10})
    expect(answer["traces"] == [[8], [8]], "two epochs of four batches do not take 8 steps of the optimizer")
    for got, state, (x, y) in zip(answer["trained"], states, data, strict=True):
        want = {name: tensor.float() for name, tensor in _train(state, x, y, 2, 10)[0].items()}
        close(got, want, "after training,", rtol=1e-3, atol=1e-4)
    expect(answer["training"] == [0, 0], "the loaded network is in training mode")

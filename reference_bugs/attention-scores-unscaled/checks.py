"""What must come out: weights, outputs and gradients of scores that are divided by the root of the width.

All is computed here in float64 from the layers that are given; layers after training are followed step by step.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import (
    Grade,
    check,
    close,
    expect,
    finite,
    same_form,
    same_gradients,
)

FEATURES, WIDTH, LR = 64, 256, 0.3

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {f"{name}.weight": grade.normal(WIDTH, FEATURES, std=FEATURES**-0.5) for name in ("query", "key")}


def _weights(state: State, question: torch.Tensor, notes: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    query, key = question.double() @ w["query.weight"].T, notes.double() @ w["key.weight"].T
    return torch.softmax(torch.einsum("bd,bnd->bn", query, key) / WIDTH**0.5, -1)


def _read(state: State, question: torch.Tensor, notes: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    return torch.einsum("bn,bna->ba", _weights(state, question, notes), answers.double())


def _ask(
    grade: Grade, state: State, question: torch.Tensor, notes: torch.Tensor, training: bool
) -> torch.Tensor:
    inputs = {"state": state, "question": question, "notes": notes, "training": training}
    got: torch.Tensor = grade.ask("weigh", **inputs)["weights"]
    expect(got.shape == notes.shape[:2], f"the weights have the shape {tuple(got.shape)}")
    finite(got, "a weight")
    return got.double()


@check("symptom", "at the start several notes are read, more of some than of others")
def weights_are_not_saturated(grade: Grade) -> None:
    state, question, notes = _state(grade), grade.normal(60, FEATURES), grade.normal(60, 12, FEATURES)
    for training in (True, False):
        got = _ask(grade, state, question, notes, training)
        most = float(got.amax(1).mean())
        # Of 100 draws: 0.29 (standard deviation 0.014); scores over the root of 64 0.50, of 12 0.75 (0.027).
        expect(most < 0.62, f"the note that is read most has {most:.0%} of the weight on average")
        a, b = (part - part.mean(1, keepdim=True) for part in (got, _weights(state, question, notes)))
        alike = float(F.cosine_similarity(a, b, dim=1).mean())
        # Numbers of no meaning reach 0.04 by chance.
        expect(alike > 0.2, "how much a note is read has nothing to do with its score")


@check("cause", "the weights are the softmax of the scores over the root of the width")
def weights_are_those_of_scaled_scores(grade: Grade) -> None:
    for count, size, training in ((6, 12, True), (3, 5, False), (2, 30, False)):
        state, question, notes = (
            _state(grade),
            grade.normal(count, FEATURES),
            grade.normal(count, size, FEATURES),
        )
        got = _ask(grade, state, question, notes, training)
        close(got, _weights(state, question, notes), "the weights", rtol=1e-3, atol=1e-5)


def _questions(grade: Grade, count: int, size: int = 9) -> dict[str, torch.Tensor]:
    return {
        "question": grade.normal(count, FEATURES),
        "notes": grade.normal(count, size, FEATURES),
        "answers": grade.normal(count, size, 4),
        "wanted": grade.normal(count, 4),
    }


@check("cause", "what is read and its gradients are those of these weights")
def gradients_are_right(grade: Grade) -> None:
    state, asked = _state(grade), _questions(grade, 8)
    answer = grade.ask("read", state=state, **asked)
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    wanted = asked.pop("wanted").double()
    outputs = _read(w, **asked)
    close(answer["outputs"], outputs.detach(), "what is read", rtol=1e-3, atol=1e-5)
    gradients = torch.autograd.grad(F.mse_loss(outputs, wanted), list(w.values()))
    same_gradients(answer["gradients"], dict(zip(w, gradients, strict=True)), rtol=1e-3, slack=1e-4)


@check("collateral", "training makes the steps of these gradients, batch by batch")
def same_training(grade: Grade) -> None:
    state, asked = _state(grade), _questions(grade, 14)
    got = grade.ask("train", state=state, **asked, epochs=2, batch_size=6)["weights"]
    same_form(got, state, "the network has other parameters than before")
    finite(got, "after training")
    w = {name: tensor.double() for name, tensor in state.items()}
    for _ in range(2):
        for start in range(0, 14, 6):
            part = {name: tensor[start : start + 6].double() for name, tensor in asked.items()}
            wanted = part.pop("wanted")
            w = {name: tensor.detach().requires_grad_() for name, tensor in w.items()}
            grads = torch.autograd.grad(F.mse_loss(_read(w, **part), wanted), list(w.values()))
            w = {
                name: tensor - LR * gradient
                for (name, tensor), gradient in zip(w.items(), grads, strict=True)
            }
    for name, tensor in w.items():
        way = tensor.detach() - state[name].double()
        off = float((got[name].double() - tensor.detach()).norm() / way.norm())
        expect(off < 0.01, f"{name} is off by {off:.1%} of its way after training")

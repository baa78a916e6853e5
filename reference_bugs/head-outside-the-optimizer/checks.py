"""What must come out: a new head that trains at its rate, and a body that moves gently.

The first weights of the new head are handed in, so that all weights are those of SGD on known batches.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

STRIP, HIDDEN, FEATURES = 48, 64, 32
HEAD_RATE, BODY_RATE = 0.05, 1e-5

State = dict[str, torch.Tensor]


def _linear(grade: Grade, name: str, inputs: int, outputs: int) -> State:
    bound = inputs**-0.5
    return {
        f"{name}.weight": grade.uniform(outputs, inputs, low=-bound, high=bound),
        f"{name}.bias": grade.uniform(outputs, low=-bound, high=bound),
    }


def _case(grade: Grade, classes: int, batches: int) -> dict[str, object]:
    """A network, the first weights of its new head, and strips whose kinds can be told."""
    state = {
        **_linear(grade, "body.0", STRIP, HIDDEN),
        **_linear(grade, "body.2", HIDDEN, FEATURES),
        **_linear(grade, "head", FEATURES, STRIP),
    }
    state["body.0.weight"] *= 2
    state["body.2.weight"] *= 2
    kinds = grade.integers(0, classes, 20 * batches)
    strips = grade.normal(classes, STRIP)[kinds] + 0.5 * grade.normal(20 * batches, STRIP)
    head = {name[2:]: tensor for name, tensor in _linear(grade, "h", FEATURES, classes).items()}
    return {"state": state, "head": head, "strips": strips, "kinds": kinds, "classes": classes}


def _start(case: dict[str, object]) -> State:
    state = {name: t for name, t in case["state"].items() if name.startswith("body")}
    return state | {f"head.{name}": t for name, t in case["head"].items()}


def _scores(w: State, strips: torch.Tensor) -> torch.Tensor:
    x = strips.double()
    for name, act in (("body.0", torch.relu), ("body.2", torch.tanh), ("head", lambda y: y)):
        x = act(x @ w[f"{name}.weight"].double().T + w[f"{name}.bias"].double())
    return x


@check("symptom", "a few epochs bring the loss far below that of a guess")
def loss_falls(grade: Grade) -> None:
    # Over 60 draws, fixes: 0.05 +- 0.02; with a head that stays: 1.66 +- 0.12, and 0.28 +- 0.04 where the body adapts fast.
    case = _case(grade, 5, 10)
    start = _start(case)
    weights = grade.ask("finetune", epochs=3, **case)["weights"]
    expect(set(weights) == set(start), "the network has other parameters than a body and a head")
    loss = float(F.cross_entropy(_scores(weights, case["strips"]), case["kinds"]))
    expect(loss < 0.7, f"after 3 epochs of 10 batches the loss is {loss:.2f}")


@check("cause", "the new head takes its steps at its rate, the body at its own")
def head_and_body_take_steps(grade: Grade) -> None:
    for classes in (3, 6):
        case = _case(grade, classes, 1)
        start = _start(case)
        after = grade.ask("finetune", epochs=1, **case)["weights"]
        expect(set(after) == set(start), "the network has other parameters than a body and a head")
        w = {name: tensor.double().requires_grad_() for name, tensor in start.items()}
        wanted = torch.autograd.grad(
            F.cross_entropy(_scores(w, case["strips"]), case["kinds"]), list(w.values())
        )
        moved({n: start[n] for n in ("head.weight", "head.bias")}, after, "a step")
        for name, gradient in zip(w, wanted, strict=True):
            rate = HEAD_RATE if name.startswith("head") else BODY_RATE
            move = (start[name].double() - after[name].double()) / rate
            # Weights of up to 0.3 are exact to 3e-8 only.
            slack = 3e-3 * float(gradient.abs().max()) + 3e-8 / rate
            close(move, gradient, f"the step of {name} over its rate", rtol=1e-2, atol=slack)


@check("cause", "all batches of all epochs count, with the momentum that was there")
def training_agrees(grade: Grade) -> None:
    case = _case(grade, 4, 3)
    got, want = grade.both("finetune", epochs=4, **case)
    close(got["weights"], want["weights"], "the weights", rtol=2e-3, atol=1e-4)
    drift = {n: t.double() - case["state"][n].double() for n, t in want["weights"].items() if "body" in n}
    for name, way in drift.items():
        gone = got["weights"][name].double() - case["state"][name].double()
        close(gone, way, f"the way of {name}", rtol=2e-2, atol=0.05 * float(way.abs().max()) + 1e-6)


@check("collateral", "the network computes what it computed")
def same_network(grade: Grade) -> None:
    case = _case(grade, 5, 1)
    got = grade.ask("scores", state=_start(case), strips=case["strips"])["scores"]
    close(got, _scores(_start(case), case["strips"]).float(), "the scores", rtol=1e-3, atol=1e-4)

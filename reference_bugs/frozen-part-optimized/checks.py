"""What must come out: a readout that learns on an encoder that stays as it is.

Where weights are compared, an epoch is one batch, or all its wines are alike, so that their order plays no part.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

WAVES, GRAPES = 36, 4
LAYERS = (("encoder.0", WAVES, 40), ("encoder.2", 40, 20), ("readout.0", 20, 16), ("readout.2", 16, GRAPES))
RATE = 0.1

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    state: State = {}
    for name, inputs, outputs in LAYERS:
        bound = inputs**-0.5
        state[f"{name}.weight"] = grade.uniform(outputs, inputs, low=-bound, high=bound)
        state[f"{name}.bias"] = grade.uniform(outputs, low=-bound, high=bound)
    return state


def _scores(w: State, spectra: torch.Tensor) -> torch.Tensor:
    x = spectra.double()
    for (name, _, _), act in zip(LAYERS, (torch.tanh, torch.tanh, torch.relu, lambda y: y), strict=True):
        x = act(x @ w[f"{name}.weight"].double().T + w[f"{name}.bias"].double())
    return x


def _wines(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    grapes = torch.randperm(count, generator=grade.generator()) % GRAPES
    return grade.normal(GRAPES, WAVES)[grapes] + 0.6 * grade.normal(count, WAVES), grapes


def _part(state: State, name: str) -> State:
    return {key: tensor for key, tensor in state.items() if key.startswith(name)}


def _trained(grade: Grade, state: State, **inputs: object) -> State:
    weights: State = grade.ask("train", state=state, **inputs)["weights"]
    expect(
        set(weights) == set(state) and all(weights[n].shape == t.shape for n, t in state.items()),
        "the network has other parameters than before",
    )
    return weights


@check("symptom", "a few epochs bring the loss below that of a guess")
def loss_falls(grade: Grade) -> None:
    spectra, grapes = _wines(grade, 200)
    weights = _trained(grade, _state(grade), spectra=spectra, grapes=grapes, epochs=5, batch_size=20)
    loss = float(F.cross_entropy(_scores(weights, spectra), grapes))
    # Over 60 draws: fixes 0.02 +- 0.01, the encoder trained for the readout 0.86 +- 0.07, nothing trained 1.39 +- 0.02.
    expect(loss < 1.2, f"after 5 epochs of 10 batches the loss is {loss:.2f}")


@check("cause", "the readout takes its step of SGD, the encoder takes none")
def readout_takes_steps(grade: Grade) -> None:
    for count in (24, 9):
        state = _state(grade)
        spectra, grapes = _wines(grade, count)
        after = _trained(grade, state, spectra=spectra, grapes=grapes, epochs=1, batch_size=count)
        moved(_part(state, "readout.2"), after, "a step")
        w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
        wanted = torch.autograd.grad(F.cross_entropy(_scores(w, spectra), grapes), list(w.values()))
        for name, gradient in zip(w, wanted, strict=True):
            if name.startswith("readout"):
                move = (state[name].double() - after[name].double()) / RATE
                slack = 2e-3 * float(gradient.abs().max()) + 1e-6
                close(move, gradient, f"the step of {name} over the rate", rtol=5e-3, atol=slack)
            else:
                expect(torch.equal(after[name], state[name]), f"{name} of the encoder does not stay as it is")


@check("cause", "all batches of all epochs count, with the momentum that was there")
def training_agrees(grade: Grade) -> None:
    # Seven times the same wine: batches of 3, 3 and 1.
    spectra, grapes = grade.normal(1, WAVES).repeat(7, 1), grade.integers(0, GRAPES, 1).repeat(7)
    inputs = {"state": _state(grade), "spectra": spectra, "grapes": grapes, "epochs": 3, "batch_size": 3}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "the weights", rtol=2e-3, atol=1e-4)
    spectra, grapes = _wines(grade, 30)
    inputs = {"state": _state(grade), "spectra": spectra, "grapes": grapes, "epochs": 8, "batch_size": 30}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "the weights", rtol=2e-3, atol=1e-4)


@check("collateral", "the network computes what it computed")
def same_network(grade: Grade) -> None:
    state, spectra = _state(grade), grade.normal(9, WAVES)
    got = grade.ask("scores", state=state, spectra=spectra)["scores"]
    close(got, _scores(state, spectra).float(), "the scores", rtol=1e-3, atol=1e-4)

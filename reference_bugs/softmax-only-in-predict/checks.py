"""What must come out: the weights of SGD on the cross-entropy of the last layer's scores, and their softmax.

What forward returns may be scores or their log-softmax, and is not looked at. All is computed here in float64.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, finite, same_form

MEASURES, HIDDEN, SPECIES = 24, 40, 5
RATE = 0.05

State = dict[str, torch.Tensor]


def _state(grade: Grade, gain: float = 1.0) -> State:
    return {
        "hear.weight": grade.uniform(HIDDEN, MEASURES, low=-0.2, high=0.2),
        "hear.bias": grade.uniform(HIDDEN, low=-0.2, high=0.2),
        "name.weight": gain * grade.uniform(SPECIES, HIDDEN, low=-0.16, high=0.16),
        "name.bias": gain * grade.uniform(SPECIES, low=-0.16, high=0.16),
    }


def _calls(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    species = grade.integers(0, SPECIES, count)
    return grade.normal(SPECIES, MEASURES)[species] + grade.normal(count, MEASURES), species


def _scores(state: State, calls: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.tanh(calls.double() @ w["hear.weight"].T + w["hear.bias"])
    return hidden @ w["name.weight"].T + w["name.bias"]


def _trained(state: State, calls: torch.Tensor, species: torch.Tensor, size: int, epochs: int) -> State:
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    optimizer = torch.optim.SGD(w.values(), lr=RATE, momentum=0.9)
    for _ in range(epochs):
        for start in range(0, len(calls), size):
            rows = slice(start, start + size)
            optimizer.zero_grad()
            F.cross_entropy(_scores(w, calls[rows]), species[rows]).backward()
            optimizer.step()
    return {name: tensor.detach().float() for name, tensor in w.items()}


@check("behaviour", "training ends in the weights of the cross-entropy of the scores")
def weights_agree(grade: Grade) -> None:
    for count, size, epochs in ((80, 20, 2), (45, 20, 3)):
        state = _state(grade)
        calls, species = _calls(grade, count)
        inputs = {"calls": calls, "species": species, "epochs": epochs, "batch_size": size}
        got = grade.ask("train", state=state, **inputs)["weights"]
        same_form(got, state, "the network has other weights than before")
        close(got, _trained(state, calls, species, size, epochs), "weights", rtol=1e-3, atol=3e-5)


@check("cause", "calls that are surely taken for another bird move the weights by their full gradient")
def sure_mistakes_count(grade: Grade) -> None:
    for gap in (12.0, 60.0, 250.0):
        calls, _ = _calls(grade, 20)
        state = _state(grade)
        scores = _scores(state, calls)
        gain = gap / float((scores.max(1).values - scores.min(1).values).median())
        for name in ("name.weight", "name.bias"):
            state[name] = state[name] * gain
        # The species that the network rules out, whose probability a softmax loses.
        species = _scores(state, calls).argmin(1)
        after = grade.ask("train", state=state, calls=calls, species=species, epochs=1, batch_size=20)[
            "weights"
        ]
        same_form(after, state, "the network has other weights than before")
        finite(after, f"after scores {gap:.0f} apart,")
        want = _trained(state, calls, species, 20, 1)
        for name, tensor in state.items():
            step = want[name].double() - tensor.double()
            slack = 2e-3 * float(step.abs().max()) + 4e-7 * float(tensor.abs().max())
            close(
                after[name].double() - tensor.double(),
                step,
                f"with scores {gap:.0f} apart the step of {name}",
                rtol=5e-3,
                atol=slack,
            )


@check("collateral", "predict gives the softmax of the scores")
def predict_gives_probabilities(grade: Grade) -> None:
    for gain in (1.0, 5.0, 40.0):
        for training in (True, False):
            state = _state(grade, gain)
            calls, _ = _calls(grade, 30)
            got = grade.ask("predict", state=state, calls=calls, training=training)["probabilities"]
            want = torch.softmax(_scores(state, calls), 1)
            # The scores are sums of 40 float32 products, so that large ones carry larger rounding.
            close(got, want, "the probabilities", rtol=1e-3, atol=1e-4)

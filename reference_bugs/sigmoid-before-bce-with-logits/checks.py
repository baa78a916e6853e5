"""What must come out: weights that follow the binary cross-entropy of the scores of the last layer.

What forward returns may be scores or probabilities: only weights after training and tags are compared. They are computed
here in float64. Scores are moderate where gradients are compared, since BCELoss behind a sigmoid is right as well.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, same_form

BANDS, HIDDEN, SPECIES = 20, 32, 6
RATE = 0.1

State = dict[str, torch.Tensor]


def _state(grade: Grade, gain: float = 1.0) -> State:
    return {
        "fc1.weight": grade.uniform(HIDDEN, BANDS, low=-0.22, high=0.22),
        "fc1.bias": grade.uniform(HIDDEN, low=-0.22, high=0.22),
        "fc2.weight": gain * grade.uniform(SPECIES, HIDDEN, low=-0.18, high=0.18),
        "fc2.bias": gain * grade.uniform(SPECIES, low=-0.18, high=0.18),
    }


def _recordings(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    # Calls that do not resemble each other, so that no draw is much harder than another.
    calls = 4.5 * torch.linalg.qr(grade.normal(BANDS, SPECIES)).Q.T
    heard = (grade.uniform(count, SPECIES) < 0.3).float()
    return heard @ calls + grade.normal(count, BANDS, std=0.3), heard


def _scores(state: State, recordings: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.relu(recordings.double() @ w["fc1.weight"].T + w["fc1.bias"])
    return hidden @ w["fc2.weight"].T + w["fc2.bias"]


def _loss(state: State, recordings: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(_scores(state, recordings), heard.double())


@check("symptom", "training brings the cross-entropy near zero within a few epochs")
def loss_falls(grade: Grade) -> None:
    recordings, heard = _recordings(grade, 400)
    state = _state(grade)
    inputs = {"state": state, "recordings": recordings, "heard": heard, "epochs": 4, "batch_size": 40}
    weights = grade.ask("train", **inputs)["weights"]
    same_form(weights, state, "the network has other parameters after training")
    finite(weights, "after training")
    loss = float(_loss(weights, recordings, heard))
    # Over 24 draws right fixes come to 0.07 to 0.14 (standard deviation 0.013), a second sigmoid comes to 0.56 or more
    # (0.09).
    expect(loss < 0.25, f"after 4 epochs the cross-entropy of the scores is {loss:.2f}")


@check("behaviour", "a training run ends in the weights of the cross-entropy of the scores")
def run_agrees(grade: Grade) -> None:
    recordings, heard = _recordings(grade, 70)
    inputs = {"state": _state(grade), "recordings": recordings, "heard": heard, "epochs": 2, "batch_size": 20}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=5e-5)


@check("cause", "a step follows the gradient of the cross-entropy of the scores")
def step_follows_gradient(grade: Grade) -> None:
    for count, gain in ((1, 1.0), (8, 2.0), (30, 4.0)):
        state = _state(grade, gain)
        recordings, heard = _recordings(grade, count)
        w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
        gradients = torch.autograd.grad(_loss(w, recordings, heard), list(w.values()))
        inputs = {"state": state, "recordings": recordings, "heard": heard, "epochs": 1, "batch_size": count}
        after = grade.ask("train", **inputs)["weights"]
        expect(set(after) == set(state), "the network has other parameters after training")
        for name, gradient in zip(w, gradients, strict=True):
            move = (state[name].double() - after[name].double()) / RATE
            slack = 1e-3 * float(gradient.abs().max()) + 2e-6
            close(move, gradient, f"the step of {name} over the learning rate", rtol=2e-3, atol=slack)


@check("cause", "a species that the network is sure of and wrong about does not spoil the others")
def sure_mistakes_do_no_harm(grade: Grade) -> None:
    state = _state(grade)
    state["fc2.bias"][0] = 60.0
    recordings, heard = _recordings(grade, 20)
    heard[:, 0] = (torch.arange(20) % 2).float()
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    gradients = torch.autograd.grad(_loss(w, recordings, heard), list(w.values()))
    inputs = {"state": state, "recordings": recordings, "heard": heard, "epochs": 1, "batch_size": 20}
    after = grade.ask("train", **inputs)["weights"]
    finite(after, "after a sure mistake")
    same_form(after, state, "the network has other parameters after training")
    # What the sure species itself gets hangs on the loss: BCELoss gives it nothing.
    for name, gradient in list(zip(w, gradients, strict=True))[2:]:
        move = (state[name].double() - after[name].double())[1:] / RATE
        slack = 1e-3 * float(gradient.abs().max()) + 2e-6
        close(move, gradient[1:], f"beside a sure mistake the step of {name}", rtol=2e-3, atol=slack)


@check("collateral", "a species is tagged where its score is above zero")
def same_tags(grade: Grade) -> None:
    state = _state(grade, gain=3.0)
    recordings, _ = _recordings(grade, 80)
    scores = _scores(state, recordings)
    clear = scores.abs().min(1).values > 1e-3
    got = grade.ask("tag", state=state, recordings=recordings[clear])["heard"]
    close(got, scores[clear] > 0, "what is heard")


@check("collateral", "several epochs end in the weights of SGD with the momentum and rate that were there")
def same_optimizer(grade: Grade) -> None:
    recordings, heard = _recordings(grade, 60)
    inputs = {"state": _state(grade), "recordings": recordings, "heard": heard, "epochs": 3, "batch_size": 25}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=3e-3, atol=2e-4)

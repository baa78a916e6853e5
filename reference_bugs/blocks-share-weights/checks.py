"""What must come out: stages that each have weights of their own, which are used and trained.

All that a model computes is recomputed here in float64 from weights that differ from stage to stage.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, same_gradients

SETTINGS, WIDTH = 8, 10

State = dict[str, torch.Tensor]


def _state(grade: Grade, stages: int) -> State:
    state = {
        "charge.weight": grade.normal(WIDTH, SETTINGS, std=0.3),
        "charge.bias": grade.normal(WIDTH, std=0.2),
    }
    for stage in range(stages):
        state[f"stages.{stage}.up.weight"] = grade.normal(2 * WIDTH, WIDTH, std=0.3)
        state[f"stages.{stage}.up.bias"] = grade.normal(2 * WIDTH, std=0.2)
        state[f"stages.{stage}.down.weight"] = grade.normal(WIDTH, 2 * WIDTH, std=0.2)
        state[f"stages.{stage}.down.bias"] = grade.normal(WIDTH, std=0.2)
    # In the order of the model, which alone tells which stage is which.
    return state | {
        "colour.weight": grade.normal(1, WIDTH, std=0.3),
        "colour.bias": grade.normal(1, std=0.2),
    }


def _colours(w: State, settings: torch.Tensor, stages: int) -> torch.Tensor:
    beans = settings.double() @ w["charge.weight"].double().T + w["charge.bias"].double()
    for stage in range(stages):
        up, down = f"stages.{stage}.up", f"stages.{stage}.down"
        hidden = torch.tanh(beans @ w[f"{up}.weight"].double().T + w[f"{up}.bias"].double())
        beans = beans + hidden @ w[f"{down}.weight"].double().T + w[f"{down}.bias"].double()
    return (beans @ w["colour.weight"].double().T + w["colour.bias"].double()).squeeze(1)


@check("symptom", "each further stage adds its weights to the model")
def each_stage_adds_weights(grade: Grade) -> None:
    stages = [int(n) for n in grade.integers(1, 9, 3)]
    got = grade.ask("sizes", stages=stages)["sizes"]
    expect(len(got) == len(stages), f"{len(stages)} models give {len(got)} sizes")
    outer, inner = (SETTINGS + 1) * WIDTH + WIDTH + 1, (WIDTH + 1) * 2 * WIDTH + (2 * WIDTH + 1) * WIDTH
    for n, size in zip([1, *stages], [*grade.ask("sizes", stages=[1])["sizes"], *got], strict=True):
        expect(
            size == outer + n * inner,
            f"a model of {n} stages has {size:.0f} weights, not {outer + n * inner}",
        )
    size = (grade.ask("sizes", stages=[4])["sizes"] or [0])[0]
    expect(size == outer + 4 * inner, f"a model of 4 stages has {size:.0f} weights, not {outer + 4 * inner}")


@check("behaviour", "a model whose stages have different weights uses them all")
def stages_use_their_weights(grade: Grade) -> None:
    for stages in (2, 5):
        state, settings = _state(grade, stages), grade.uniform(9, SETTINGS, low=-1, high=1)
        got = grade.ask("colours", stages=stages, state=state, settings=settings)["colours"]
        close(got, _colours(state, settings, stages).float(), "the colours", rtol=1e-3, atol=1e-4)


@check("cause", "each stage gets the gradient of its own weights")
def stages_get_their_gradients(grade: Grade) -> None:
    for stages in (2, 4):
        state, settings = _state(grade, stages), grade.uniform(20, SETTINGS, low=-1, high=1)
        colour = grade.normal(20)
        got = grade.ask("gradients_of", stages=stages, state=state, settings=settings, colour=colour)[
            "gradients"
        ]
        w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
        wanted = torch.autograd.grad(
            F.mse_loss(_colours(w, settings, stages), colour.double()), list(w.values())
        )
        same_gradients(got, dict(zip(w, wanted, strict=True)), rtol=2e-3, slack=2e-3)


@check("cause", "a training run trains every stage by itself")
def stages_train(grade: Grade) -> None:
    stages = 3
    state, settings = _state(grade, stages), grade.uniform(40, SETTINGS, low=-1, high=1)
    inputs = {"stages": stages, "state": state, "settings": settings, "colour": grade.normal(40), "epochs": 2}
    got, want = grade.both("trained", **inputs)
    # Adam makes much of little where a gradient is nearly zero; its six steps reach 0.06.
    close(got["weights"], want["weights"], "the weights", rtol=1e-2, atol=3e-3)


@check("collateral", "train gives the mean squared deviation of its last epoch")
def same_deviation(grade: Grade) -> None:
    state, settings = _state(grade, 1), grade.uniform(40, SETTINGS, low=-1, high=1)
    inputs = {"stages": 1, "state": state, "settings": settings, "colour": grade.normal(40), "epochs": 3}
    got, want = grade.both("trained", **inputs)
    close(got["deviation"], want["deviation"], "the deviation", rtol=5e-3)
    close(got["weights"], want["weights"], "the weights", rtol=1e-2, atol=3e-3)

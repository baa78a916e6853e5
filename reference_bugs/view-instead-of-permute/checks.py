"""What must come out: a network that sees each band of a tile as a channel, in training and when it predicts.

Whether it sees tiles upright or mirrored at the diagonal is left to the program. So the filters that are handed in are
symmetric, for which both are the same, and the filters that come back are compared up to that mirroring.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, same_form

SIZE, BANDS, CROPS, CHANNELS = 11, 4, 4, 12
RATE = 0.1

State = dict[str, torch.Tensor]


def _upright(state: State) -> State:
    """Weights without what a mirrored tile changes."""
    return {name: (t + t.transpose(2, 3)) / 2 if t.dim() == 4 else t for name, t in state.items()}


def _state(grade: Grade) -> State:
    return _upright(
        {
            "conv1.weight": grade.uniform(CHANNELS, BANDS, 3, 3, low=-0.25, high=0.25),
            "conv1.bias": grade.uniform(CHANNELS, low=-0.16, high=0.16),
            "conv2.weight": grade.uniform(CHANNELS, CHANNELS, 3, 3, low=-0.15, high=0.15),
            "conv2.bias": grade.uniform(CHANNELS, low=-0.1, high=0.1),
            "fc.weight": grade.uniform(CROPS, CHANNELS, low=-0.29, high=0.29),
            "fc.bias": grade.uniform(CROPS, low=-0.29, high=0.29),
        }
    )


def _ready(grade: Grade) -> State:
    """Weights whose filters tell the bands apart already, from which any draw of tiles is learned quickly."""
    state = {name: 0.3 * tensor for name, tensor in _state(grade).items()}
    for channel in range(CHANNELS):
        state["conv1.weight"][channel, :, 1, 1] -= 1.0
        state["conv1.weight"][channel, channel % BANDS, 1, 1] += 4.0
        state["conv2.weight"][channel, channel, 1, 1] += 1.0
    return state


def _tiles(grade: Grade, count: int, contrast: float = 30.0) -> tuple[torch.Tensor, torch.Tensor]:
    crops = torch.arange(count)[torch.randperm(count, generator=grade.generator())] % CROPS
    light = grade.uniform(count, 1, 1, 1, low=60.0, high=140.0)
    noise = grade.normal(count, SIZE, SIZE, BANDS, std=20.0)
    tiles = light + contrast * torch.eye(BANDS)[crops][:, None, None] + noise
    return tiles.clamp(0, 255).long(), crops


def _logits(state: State, tiles: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    x = (tiles.double() / 255 - 0.4).permute(0, 3, 1, 2)
    x = F.relu(F.conv2d(x, w["conv1.weight"], w["conv1.bias"], padding=1))
    x = F.relu(F.conv2d(x, w["conv2.weight"], w["conv2.bias"], padding=1))
    return x.mean((2, 3)) @ w["fc.weight"].T + w["fc.bias"]


@check("symptom", "after training the crops of other tiles are told apart")
def it_tells_crops_apart(grade: Grade) -> None:
    tiles, crops = _tiles(grade, 500)
    inputs = {"state": _ready(grade), "tiles": tiles[:300], "crops": crops[:300], "others": tiles[300:]}
    got = grade.ask("learn", epochs=2, batch_size=25, **inputs)["crops"]
    expect(got.shape == crops[300:].shape, f"200 tiles get crops of the shape {tuple(got.shape)}")
    share = float((got == crops[300:]).double().mean())
    # Over 60 draws right fixes get all of them right; scrambled images stay below 0.32 (standard deviation 0.02), or
    # 0.54 (0.09) with bands between rows and columns.
    expect(share > 0.75, f"after 2 epochs {share:.0%} of other tiles get the right crop, where chance is 25%")


@check("behaviour", "a tile gets the crop that the network finds in its bands")
def bands_are_channels(grade: Grade) -> None:
    state = _state(grade)
    tiles = grade.integers(0, 256, 160, 1, 1, BANDS).expand(-1, SIZE, SIZE, -1).clone()
    tiles = (tiles + grade.integers(-30, 30, 160, SIZE, SIZE, BANDS)).clamp(0, 255)
    # Logits that are centred over these tiles and spread evenly, so that all crops come up.
    logits = _logits(state, tiles)
    state["fc.bias"] = state["fc.bias"] - logits.mean(0).float()
    logits = _logits(state, tiles)
    best = logits.topk(2).values
    clear = best[:, 0] - best[:, 1] > 1e-4
    want = logits.argmax(1)[clear]
    got = grade.ask("predict", state=state, tiles=tiles[clear])["crops"]
    expect(got.shape == want.shape, f"{len(want)} tiles get crops of the shape {tuple(got.shape)}")
    share = float((got == want).double().mean())
    expect(share == 1.0, f"{share:.0%} of the tiles get the crop that the network finds in their bands")


@check("cause", "a step follows the gradient of the tiles with a channel for each band")
def step_follows_gradient(grade: Grade) -> None:
    for count in (1, 6, 20):
        state = _state(grade)
        tiles, crops = _tiles(grade, count, contrast=80.0)
        w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
        gradients = torch.autograd.grad(F.cross_entropy(_logits(w, tiles), crops), list(w.values()))
        want = _upright(dict(zip(w, gradients, strict=True)))
        inputs = {"state": state, "tiles": tiles, "crops": crops, "epochs": 1, "batch_size": count}
        after = grade.ask("train", **inputs)["weights"]
        same_form(after, state, "the network has other parameters after training")
        for name, tensor in _upright(after).items():
            move = (state[name].double() - tensor.double()) / RATE
            slack = 1e-3 * float(want[name].abs().max()) + 2e-6
            close(move, want[name], f"the step of {name} over the learning rate", rtol=2e-3, atol=slack)


@check("collateral", "several epochs end in the weights of SGD with the momentum and rate that were there")
def same_optimizer(grade: Grade) -> None:
    state = _state(grade)
    tiles, crops = _tiles(grade, 50)
    inputs = {"state": state, "tiles": tiles, "crops": crops, "epochs": 2, "batch_size": 20}
    got, want = grade.both("train", **inputs)
    same_form(got["weights"], state, "the network has other parameters after training")
    close(_upright(got["weights"]), _upright(want["weights"]), "weights", rtol=3e-3, atol=1e-4)

"""What must come out: scores at each place that hang on the syllables up to it, as those of causal attention.

Scores, losses and gradients are computed here in float64. Weights after training are compared with the reference's.
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

SYLLABLES, WIDTH, LONGEST = 10, 32, 24

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "sound.weight": grade.normal(SYLLABLES, WIDTH),
        "place.weight": grade.normal(LONGEST, WIDTH, std=0.5),
        "qkv.weight": grade.normal(3 * WIDTH, WIDTH, std=0.25),
        "qkv.bias": grade.normal(3 * WIDTH, std=0.2),
        "head.weight": grade.normal(SYLLABLES, WIDTH, std=0.3),
        "head.bias": grade.normal(SYLLABLES, std=0.2),
    }


def _scores(w: State, songs: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in w.items()}
    length = songs.shape[1]
    x = w["sound.weight"][songs] + w["place.weight"][:length]
    query, key, value = (x @ w["qkv.weight"].T + w["qkv.bias"]).chunk(3, -1)
    marks = query @ key.transpose(1, 2) / WIDTH**0.5
    later = torch.arange(length) > torch.arange(length)[:, None]
    heard = torch.softmax(marks.masked_fill(later, -torch.inf), -1) @ value
    return heard @ w["head.weight"].T + w["head.bias"]


def _ask(grade: Grade, state: State, songs: torch.Tensor, training: bool) -> torch.Tensor:
    got: torch.Tensor = grade.ask("scores", state=state, songs=songs, training=training)["scores"]
    want = (*songs.shape, SYLLABLES)
    expect(
        got.shape == want,
        f"songs of the shape {tuple(songs.shape)} get scores of the shape {tuple(got.shape)}",
    )
    finite(got, "a score")
    return got.double()


@check("symptom", "a later syllable changes nothing at the places before it")
def future_changes_nothing(grade: Grade) -> None:
    for training in (True, False):
        state, songs = _state(grade), grade.integers(0, SYLLABLES, 5, 12)
        other, cut = songs.clone(), 5
        other[:, cut:] = (other[:, cut:] + grade.integers(1, SYLLABLES, 5, 12 - cut)) % SYLLABLES
        first, second = (_ask(grade, state, s, training) for s in (songs, other))
        gap = float((first - second)[:, :cut].abs().max())
        expect(gap < 1e-4, f"scores change by up to {gap:.2g} when syllables that come after them change")
        change = float((first - second)[:, cut:].abs().amax(-1).min())
        expect(change > 1e-3, "scores do not change with the syllable at their own place")


@check("cause", "each place attends to itself and to all places before it")
def attention_is_causal(grade: Grade) -> None:
    for length, training in ((1, False), (12, True), (LONGEST, False)):
        state, songs = _state(grade), grade.integers(0, SYLLABLES, 4, length)
        got = _ask(grade, state, songs, training)
        close(got, _scores(state, songs), "the scores", rtol=1e-3, atol=1e-4)


@check("cause", "loss and gradients are those of scores from the past")
def gradients_are_right(grade: Grade) -> None:
    state, songs = _state(grade), grade.integers(0, SYLLABLES, 6, 9)
    answer = grade.ask("loss", state=state, songs=songs)
    w = {name: tensor.double().requires_grad_() for name, tensor in state.items()}
    loss = F.cross_entropy(_scores(w, songs[:, :-1]).transpose(1, 2), songs[:, 1:])
    close(answer["loss"], loss.item(), "the loss", rtol=1e-3)
    want = dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))
    same_gradients(answer["gradients"], want, rtol=1e-2, slack=1e-3)


@check("collateral", "a guess is the syllable of the highest score after the last one sung")
def same_guesses(grade: Grade) -> None:
    state, songs = _state(grade), grade.integers(0, SYLLABLES, 60, 8)
    scores = _scores(state, songs)[:, -1]
    best = scores.topk(2).values
    sure = best[:, 0] - best[:, 1] > 1e-2
    got = grade.ask("guess", state=state, songs=songs[sure])["syllables"]
    close(got, scores.argmax(1)[sure], "the guesses")


def _apart(grade: Grade) -> float:
    """How far weights after training are from the reference's, as a share of the way."""
    state, songs = _state(grade), grade.integers(0, SYLLABLES, 20, 10)
    got, want = (
        answer["weights"] for answer in grade.both("train", state=state, songs=songs, epochs=2, batch_size=8)
    )
    same_form(got, want, "the network has other parameters than before")
    finite(got, "after training")
    for weights in (got, want):
        # The bias of the keys takes part in nothing: it shifts all scores of a place alike.
        weights["qkv.bias"][WIDTH : 2 * WIDTH] = state["qkv.bias"][WIDTH : 2 * WIDTH]
    off = sum(float((got[name].double() - want[name].double()).square().sum()) for name in want)
    way = sum(float((want[name].double() - state[name].double()).square().sum()) for name in want)
    return (off / way) ** 0.5


@check("collateral", "training makes the steps of the optimizer that was there")
def same_training(grade: Grade) -> None:
    # Adam may turn the rounding of a gradient near zero into a step of its own; so the better one of two draws counts.
    share = min(_apart(grade) for _ in range(2))
    expect(share < 0.02, f"training is off by {share:.1%} of its way")

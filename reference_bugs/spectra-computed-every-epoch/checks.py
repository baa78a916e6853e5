"""What must come out: the right spectra, as loud as ever they are, and each of them computed once.

Work is the number of values that torch writes, never a time. A count alone could be made up, so each is asked for together
with weights or spectra that are computed here, and lies between bounds that this side knows.
"""

from typing import Any

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

FREQUENCIES, WIDTH, SPECIES, LENGTH = 33, 16, 3, 2048
# One spectrum of 2,048 values writes about 19,000 values, its share of training included; right programs differ by
# about 12 %.
LEAST, MOST = 0.4, 1.5
State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "inner.weight": grade.uniform(WIDTH, FREQUENCIES, low=-0.17, high=0.17),
        "inner.bias": grade.uniform(WIDTH, low=-0.17, high=0.17),
        "outer.weight": grade.uniform(SPECIES, WIDTH, low=-0.25, high=0.25),
        "outer.bias": grade.uniform(SPECIES, low=-0.25, high=0.25),
    }


def _waves(grade: Grade, count: int) -> torch.Tensor:
    pitch = grade.uniform(count, 1, low=0.3, high=1.6)
    time = torch.arange(float(LENGTH))
    return torch.sin(pitch * time) * torch.exp(-time / 300) + grade.normal(count, LENGTH, std=0.2)


def _spectra(waves: torch.Tensor) -> torch.Tensor:
    """The spectra, in float64."""
    window = torch.hann_window(64).double()
    frames = torch.stft(waves.double(), 64, hop_length=32, window=window, return_complex=True)
    return torch.log(frames.abs().square().mean(dim=-1) + 1e-6)


def _trained(grade: Grade, rows: int, epochs: int, batch_size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    state = _state(grade)
    inputs = {"state": state, "waves": _waves(grade, rows), "species": grade.integers(0, SPECIES, rows)}
    got, want = grade.both("train", **inputs, epochs=epochs, batch_size=batch_size, lr=0.02)
    moved(state, got["weights"])
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=1e-4)
    close(got["losses"], want["losses"], "the losses", rtol=1e-3, atol=1e-4)
    return got, want


def _rounds(grade: Grade, rows: int, gain: float, count: int) -> tuple[dict[str, Any], torch.Tensor]:
    """What rounds of accesses give, and by how much each spectrum is louder than it was recorded."""
    waves, species = _waves(grade, rows), grade.integers(0, SPECIES, rows)
    inputs = {"others": _waves(grade, rows), "waves": waves, "species": species, "gain": gain, "count": count}
    got = grade.ask("rounds", **inputs)
    expect(got["count"] == rows, f"a dataset of {rows} clicks says that it has {got['count']:.0f}")
    close(got["species"], species.expand(count, rows), "the species")
    form = (count, rows, FREQUENCIES)
    expect(
        got["spectra"].shape == form,
        f"spectra have the shape {tuple(got['spectra'].shape)} instead of {form}",
    )
    louder = got["spectra"].double() - _spectra(waves)
    shift = louder.mean(dim=2, keepdim=True)
    off = float((louder - shift).abs().max())
    expect(off < 1e-3, f"a spectrum is off by up to {off:.3g} beside its loudness")
    return got, shift.squeeze(2)


@check("symptom", "more epochs do not compute the spectra again")
def epochs_compute_no_spectra(grade: Grade) -> None:
    got, want = _trained(grade, rows=24, epochs=5, batch_size=8)
    share = got["work"] / want["work"]
    expect(
        LEAST < share < MOST,
        f"5 epochs write {got['work'] / 1e6:.3g} million values where {want['work'] / 1e6:.3g} million do",
    )


@check("behaviour", "each access gives the click's spectrum and species")
def items_are_right(grade: Grade) -> None:
    _, shift = _rounds(grade, rows=6, gain=0.0, count=2)
    expect(float(shift.abs().max()) < 1e-3, f"a spectrum is off by up to {float(shift.abs().max()):.3g}")
    _trained(grade, rows=7, epochs=2, batch_size=3)


@check("behaviour", "each access has a loudness of its own, within the gain")
def loudness_is_drawn_each_time(grade: Grade) -> None:
    # 90 draws: none of them beyond half the gain on one side has the odds 1e-11.
    _, shift = _rounds(grade, rows=3, gain=0.5, count=30)
    expect(
        float(shift.abs().max()) < 0.501,
        f"with a gain of 0.5 a spectrum is {float(shift.abs().max()):.3g} off",
    )
    expect(
        float(shift.min()) < -0.25 and float(shift.max()) > 0.25,
        "the loudness does not cover the gain's range",
    )
    for click in shift.T:
        different = len(set(click.mul(1e4).round().tolist()))
        expect(different > 20, f"30 accesses to a click have {different} different loudnesses")
    same = sum(len(set(clicks.mul(1e4).round().tolist())) == 1 for clicks in shift)
    expect(same < 10, f"in {same} of 30 rounds all clicks have the same loudness")


@check("cause", "a second access to a click computes no spectrum")
def second_access_is_cheap(grade: Grade) -> None:
    # As many clicks as the user has, so that what keeps fewer has lost each by its next access.
    rows = 200
    got, _ = _rounds(grade, rows=rows, gain=0.2, count=4)
    first, *later = got["work"]
    expect(len(later) == 3, f"there are {len(later)} later rounds instead of 3")
    least = rows * FREQUENCIES * (LENGTH // 32 + 1)
    expect(
        least < first < 20 * least, f"the first round writes {first:.0f} values where {4 * least} are usual"
    )
    for number, work in enumerate(later):
        expect(
            0 <= work < 0.1 * least, f"round {number + 2} over {rows} clicks writes {work:.0f} values again"
        )


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    got, want = grade.both("logits", state=_state(grade), spectra=grade.normal(9, FREQUENCIES))
    close(got["logits"], want["logits"], "logits")

"""What must come out: a warning where the logit is above 0, which is where hail is more likely than not.

Logits are computed here in float64, and storms whose logit rounding could carry over 0 are left out. They lie near 0,
further apart, and far apart, so that another threshold shows on either side.
"""

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

MEASURES, HIDDEN = 16, 12
GAINS = (0.05, 1.0, 12.0)

State = dict[str, torch.Tensor]


def _state(grade: Grade, gain: float = 1.0) -> State:
    return {
        "fc1.weight": grade.normal(HIDDEN, MEASURES, std=0.4),
        "fc1.bias": grade.normal(HIDDEN, std=0.3),
        "fc2.weight": gain * grade.normal(1, HIDDEN, std=0.4),
        "fc2.bias": torch.zeros(1),
    }


def _logits(state: State, radar: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    return torch.relu(radar.double() @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"][0] + w["fc2.bias"]


def _storms(grade: Grade, gain: float) -> tuple[State, torch.Tensor, torch.Tensor]:
    """Weights whose logits are half below and half above 0, storms, and their logits."""
    state = _state(grade, gain)
    radar = grade.normal(500, MEASURES)
    state["fc2.bias"] = -_logits(state, radar).median()[None].float()
    logits = _logits(state, radar)
    keep = logits.abs() > 1e-3 * gain
    return state, radar[keep], logits[keep]


def _warned(grade: Grade, gain: float) -> tuple[torch.Tensor, torch.Tensor]:
    state, radar, logits = _storms(grade, gain)
    warned = grade.ask("warn", state=state, radar=radar)["warned"]
    expect(
        warned.shape == logits.shape, f"{len(logits)} storms get warnings of the shape {tuple(warned.shape)}"
    )
    return warned, logits


@check("symptom", "storms that are more likely than not to bring hail are warned of")
def likely_hail_is_warned_of(grade: Grade) -> None:
    for gain in GAINS:
        warned, logits = _warned(grade, gain)
        likely = logits > 0
        missed = int((~warned & likely).sum())
        expect(
            missed == 0,
            f"of {int(likely.sum())} storms with a chance of hail above 50 %, {missed} get no warning",
        )
        # At a gain of 12 hundreds of storms are so far below.
        unlikely = int(warned[logits < -0.5].sum())
        expect(unlikely == 0, f"{unlikely} storms with a chance of hail below 38 % are warned of")


@check("cause", "the threshold lies at a chance of one half, which is a logit of 0")
def threshold_is_one_half(grade: Grade) -> None:
    for gain in GAINS:
        warned, logits = _warned(grade, gain)
        wrong = (warned != (logits > 0)).nonzero()[:, 0]
        if len(wrong):
            chance = float(torch.sigmoid(logits[wrong[0]]))
            words = "is" if bool(warned[wrong[0]]) else "is not"
            expect(False, f"a storm with a chance of hail of {chance:.1%} {words} warned of")


@check("behaviour", "the report counts these warnings, their precision and their recall")
def report_agrees(grade: Grade) -> None:
    for gain in GAINS:
        state, radar, logits = _storms(grade, gain)
        hail = (grade.uniform(len(logits)) < torch.where(logits > 0, 0.7, 0.2)).float()
        got = grade.ask("report", state=state, radar=radar, hail=hail)
        warned, fell = logits > 0, hail > 0
        hits = float((warned & fell).sum())
        want = {
            "count": float(warned.sum()),
            "precision": hits / float(warned.sum()),
            "recall": hits / float(fell.sum()),
        }
        for name, value in want.items():
            expect(
                abs(got[name] - value) < 1e-5,
                f"the report's {name} is {got[name]:.4g} instead of {value:.4g}",
            )


@check("collateral", "asking for warnings leaves the network as it is")
def network_stays(grade: Grade) -> None:
    state, radar, logits = _storms(grade, 1.0)
    got = grade.ask("warn", state=state, radar=radar)
    close(got["again"], logits > 0, "asked for again, the warnings")
    close(got["weights"], state, "weights", rtol=0.0, atol=0.0)


@check("collateral", "training ends in the weights that it ended in")
def same_training(grade: Grade) -> None:
    radar = grade.normal(64, MEASURES)
    inputs = {"state": _state(grade), "radar": radar, "hail": (grade.uniform(64) < 0.4).float(), "epochs": 8}
    got, want = grade.both("train", **inputs)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=1e-4)

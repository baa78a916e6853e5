"""What must come out: shares of teas whose name is told right, however the names are ordered in the set that is tasted.

Which number a kind has is the program's affair: from the first layer's weights, which hang on it through the head alone, no
order can be told, so what is compared is the share, computed here from the weights that come back under the best of all
orders of kinds on the teas of training, which are told apart all but perfectly.
"""

from itertools import permutations

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, moved

State = dict[str, torch.Tensor]
MEASURES, WIDTH, KINDS = 14, 32, 5
NAMES = ["assam", "darjeeling", "keemun", "oolong", "sencha"]


def _told(state: State, x: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    hidden = torch.relu(x.double() @ w["body.weight"].T + w["body.bias"])
    return (hidden @ w["head.weight"].T + w["head.bias"]).argmax(dim=1)


def _tasted(grade: Grade, orders: list[list[int]], trained: tuple[int, ...] = (KINDS,)) -> None:
    """Trains networks on so many kinds each, and tastes sets whose teas come by the kinds of each order that were trained.

    A quarter of the teas that are tasted carry a wrong name, so that the right share is no round number.
    """
    states, teas, labels, tests = [], [], [], []
    for count in trained:
        states.append(
            {
                "body.weight": grade.normal(WIDTH, MEASURES, std=0.25),
                "body.bias": grade.normal(WIDTH, std=0.1),
                "head.weight": grade.normal(KINDS, WIDTH, std=0.15),
                "head.bias": torch.zeros(KINDS),
            }
        )
        # Middles that are far apart: two of them share no measure.
        middles = torch.zeros(KINDS, MEASURES)
        for kind in range(KINDS):
            middles[kind, 2 * kind : 2 * kind + 2] = 4.0
        known = torch.randperm(KINDS, generator=grade.generator())[:count]
        kinds = torch.cat([known, known[grade.integers(0, count, 60 - count)]])
        teas.append(middles[kinds] + 0.4 * grade.normal(60, MEASURES))
        labels.append(kinds)
        own = []
        for number, kinds_there in enumerate(orders):
            order = [kind for kind in kinds_there if kind in known.tolist()]
            true = torch.tensor(order).repeat_interleave(int(grade.integers(5, 9)))
            # In the last set each kind carries the name of another, so that few are told right.
            said = (
                torch.tensor(order)
                .roll(int(number == len(orders) - 1))
                .repeat_interleave(len(true) // len(order))
            )
            wrong = torch.randperm(len(true), generator=grade.generator())[: len(true) // 4]
            said[wrong] = torch.tensor(order)[grade.integers(0, len(order), len(wrong))]
            own.append((middles[true] + 0.4 * grade.normal(len(true), MEASURES), said))
        tests.append(own)
    got = grade.ask(
        "taste",
        states=states,
        teas=teas,
        names=[[NAMES[kind] for kind in kinds.tolist()] for kinds in labels],
        tests=[[{"teas": x, "names": [NAMES[k] for k in y.tolist()]} for x, y in own] for own in tests],
        epochs=60,
        lr=0.2,
    )
    expect(
        len(got["weights"]) == len(trained), f"{len(trained)} trainings leave {len(got['weights'])} networks"
    )
    want = []
    for before, after, x, kinds, own in zip(states, got["weights"], teas, labels, tests, strict=True):
        expect(
            {n: t.shape for n, t in after.items()} == {n: t.shape for n, t in before.items()},
            "the network is another",
        )
        moved(before, after)
        told = _told(after, x)
        best = max(
            (torch.tensor(order) for order in permutations(range(KINDS))),
            key=lambda order: int((order[told] == kinds).sum()),
        )
        right = float((best[told] == kinds).double().mean())
        expect(right > 0.9, f"after training {right:.0%} of the teas are told apart")
        want += [float((best[_told(after, xs)] == ys).double().mean()) for xs, ys in own]
    close(got["shares"], want, "the share", rtol=1e-4, atol=1e-4)


@check("symptom", "teas are told as well whichever kind comes first among them")
def new_teas_are_told(grade: Grade) -> None:
    # The first network that a program trains knows three kinds: what it keeps of them must not bind those to come.
    orders = [torch.randperm(KINDS, generator=grade.generator()).tolist() for _ in range(4)]
    _tasted(grade, orders, trained=(3, KINDS))


@check("cause", "kinds without a tea in the set shift nothing")
def missing_kinds_shift_nothing(grade: Grade) -> None:
    orders = [torch.randperm(KINDS, generator=grade.generator()).tolist()[:count] for count in (1, 2, 3, 3)]
    _tasted(grade, [*orders, [4], [3, 1]])


@check("collateral", "two networks that saw other kinds, in other orders, do not get in each other's way")
def two_networks(grade: Grade) -> None:
    # Of five kinds, three trained ones leave at least one in each of these orders.
    _tasted(grade, [[2, 0, 4], [1, 3, 0, 2, 4]], trained=(3, KINDS))

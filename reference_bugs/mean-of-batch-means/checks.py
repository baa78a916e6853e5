"""What must come out: the loss and the accuracy of all tickets together, however a loader cuts them into batches.

Both are computed here in float64. The tickets of a ragged last batch are mostly sent to the wrong queue and the
others mostly to the right one, or the other way round, so that a batch that counts for more than its tickets shows.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect

WORDS, HIDDEN, QUEUES = 40, 24, 4
# Tickets and batch size: with a last batch that is ragged, and without; one batch; single tickets.
CUTS = ((130, 64), (65, 64), (101, 20), (47, 12), (96, 32), (30, 50), (11, 1))

State = dict[str, torch.Tensor]


def _state(grade: Grade) -> State:
    return {
        "fc1.weight": grade.normal(HIDDEN, WORDS, std=0.2),
        "fc1.bias": grade.normal(HIDDEN, std=0.2),
        "fc2.weight": grade.normal(QUEUES, HIDDEN, std=0.3),
        "fc2.bias": grade.normal(QUEUES, std=0.2),
    }


def _scores(state: State, words: torch.Tensor) -> torch.Tensor:
    w = {name: tensor.double() for name, tensor in state.items()}
    return torch.relu(words.double() @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"].T + w["fc2.bias"]


def _tickets(grade: Grade, state: State, count: int, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tickets whose best queue rounding cannot change, and the queues that they belong to."""
    words = grade.normal(2 * count + 60, WORDS)
    scores = _scores(state, words)
    top = scores.topk(2, 1).values
    words = words[top[:, 0] - top[:, 1] > 1e-2][:count]
    scores = _scores(state, words)
    full = count // batch_size * batch_size
    early = grade.uniform(1)[0] < 0.5
    share = torch.where((torch.arange(count) < full) == early, 0.85, 0.1)
    right = grade.uniform(count) < share
    return words, torch.where(right, scores.argmax(1), scores.argmin(1))


def _evaluated(grade: Grade) -> list[tuple[str, dict[str, float], float, float]]:
    """For each cut: its name, what the program says, and the right loss and accuracy."""
    found = []
    for count, batch_size in CUTS:
        state = _state(grade)
        words, queues = _tickets(grade, state, count, batch_size)
        got = grade.ask("evaluate", state=state, words=words, queues=queues, batch_size=batch_size)
        scores = _scores(state, words)
        loss = float(F.cross_entropy(scores, queues))
        accuracy = float((scores.argmax(1) == queues).double().mean())
        found.append((f"of {count} tickets in batches of {batch_size}", got, loss, accuracy))
    return found


@check("symptom", "the accuracy is the share of all tickets that go to the right queue")
def accuracy_counts_tickets(grade: Grade) -> None:
    for name, got, _, accuracy in _evaluated(grade):
        share = got["accuracy"]
        expect(
            abs(share - accuracy) < 1e-5,
            f"{name} the accuracy is {accuracy:.4f}, but is given as {share:.4f}",
        )


@check("cause", "every ticket weighs the same in the loss, whatever the size of its batch")
def loss_counts_tickets(grade: Grade) -> None:
    for name, got, loss, _ in _evaluated(grade):
        value = got["loss"]
        expect(
            abs(value - loss) < 1e-4 * (1 + loss),
            f"{name} the mean loss is {loss:.4f}, but is given as {value:.4f}",
        )


@check("collateral", "training ends in the weights that it ended in")
def same_training(grade: Grade) -> None:
    state = _state(grade)
    words, queues = _tickets(grade, state, 45, 20)
    got, want = grade.both("train", state=state, words=words, queues=queues, batch_size=20, epochs=3)
    close(got["weights"], want["weights"], "weights", rtol=1e-3, atol=1e-4)


@check("collateral", "the network is as it was")
def same_network(grade: Grade) -> None:
    state, words = _state(grade), grade.normal(8, WORDS)
    got = grade.ask("scores", state=state, words=words)["scores"]
    close(got, _scores(state, words).float(), "scores", rtol=1e-3, atol=1e-4)

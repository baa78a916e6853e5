"""What must come out: a teacher that learns from the labels alone, and a student that learns from them and from it.

Both are trained here in float64; the teacher as if there were no student.
"""

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, same_form

State = dict[str, torch.Tensor]
RATE, MOMENTUM = 0.05, 0.9


def _state(grade: Grade, hidden: int) -> State:
    bound = hidden**-0.5
    return {
        "first.weight": grade.uniform(hidden, 12, low=-0.29, high=0.29),
        "first.bias": grade.uniform(hidden, low=-0.29, high=0.29),
        "last.weight": grade.uniform(6, hidden, low=-bound, high=bound),
        "last.bias": grade.uniform(6, low=-bound, high=bound),
    }


def _pebbles(grade: Grade, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    stones = grade.integers(0, 6, count)
    return grade.normal(6, 12)[stones] + grade.normal(count, 12, std=0.6), stones


def _scores(w: State, x: torch.Tensor) -> torch.Tensor:
    hidden = torch.relu(x.double() @ w["first.weight"].double().T + w["first.bias"].double())
    return hidden @ w["last.weight"].double().T + w["last.bias"].double()


def _trained(
    teacher: State, student: State, x: torch.Tensor, stones: torch.Tensor, size: int, epochs: int
) -> tuple[State, State]:
    """Both after training, each by an optimizer and a gradient of its own."""
    t, s = ({name: v.double().requires_grad_() for name, v in w.items()} for w in (teacher, student))
    optimizers = [torch.optim.SGD(w.values(), lr=RATE, momentum=MOMENTUM) for w in (t, s)]
    for _ in range(epochs):
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            wanted = torch.softmax(_scores({n: v.detach() for n, v in t.items()}, x[rows]) / 2, 1)
            given = _scores(s, x[rows])
            far = (wanted * (wanted.log() - torch.log_softmax(given / 2, 1))).sum(1).mean()
            losses = [
                F.cross_entropy(_scores(t, x[rows]), stones[rows]),
                0.3 * F.cross_entropy(given, stones[rows]) + 0.7 * 4 * far,
            ]
            for optimizer, loss, w in zip(optimizers, losses, (t, s), strict=True):
                for v, gradient in zip(w.values(), torch.autograd.grad(loss, list(w.values())), strict=True):
                    v.grad = gradient
                optimizer.step()
    return tuple({name: v.detach().float() for name, v in w.items()} for w in (t, s))


def _both(grade: Grade, count: int, size: int, epochs: int) -> tuple[dict[str, State], dict[str, State]]:
    teacher, student = _state(grade, 32), _state(grade, 5)
    x, stones = _pebbles(grade, count)
    got = grade.ask(
        "train", teacher=teacher, student=student, x=x, stones=stones, epochs=epochs, batch_size=size
    )
    same_form(got["teacher"], teacher, "the teacher has other weights than before")
    same_form(got["student"], student, "the student has other weights than before")
    want = _trained(teacher, student, x, stones, size, epochs)
    return got, {"teacher": want[0], "student": want[1]}


@check("cause", "the teacher learns from the labels as if there were no student")
def teacher_learns_alone(grade: Grade) -> None:
    for count, size, epochs in ((20, 20, 1), (60, 20, 2)):
        got, want = _both(grade, count, size, epochs)
        close(got["teacher"], want["teacher"], "the teacher's weights", rtol=1e-3, atol=3e-5)


@check("collateral", "the student learns from the labels and from the teacher's softened answers")
def student_learns_from_both(grade: Grade) -> None:
    for count, size, epochs in ((20, 20, 1), (60, 20, 2)):
        got, want = _both(grade, count, size, epochs)
        close(got["student"], want["student"], "the student's weights", rtol=1e-3, atol=3e-5)


@check("collateral", "several epochs end in the weights of SGD with the rate and momentum that were there")
def same_optimizer(grade: Grade) -> None:
    got, want = _both(grade, 70, 30, 4)
    close(got, want, "weights", rtol=3e-3, atol=1e-4)


@check("collateral", "networks of both sizes are as they were, and the script trains networks of these sizes")
def same_network(grade: Grade) -> None:
    for hidden in (2, 64):
        state, x = _state(grade, hidden), grade.normal(9, 12)
        got = grade.ask("scores", state=state, x=x)["scores"]
        close(got, _scores(state, x).float(), "the scores", rtol=1e-3, atol=1e-5)
    # A program without a script says nothing of sizes.
    for _, student in grade.ask("script")["sizes"]:
        expect(student == 2, f"the script trains a student of {student:.0f} units where 2 are all that fit")

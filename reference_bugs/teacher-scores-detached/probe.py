"""What is done with a program: training a teacher and a student from given weights, and sorting."""

from probing import copy_state

RETURNS = {"train": {"teacher": "state", "student": "state"}, "scores": {"scores": "float32"}}


def _sorter(program, state, device):
    model = program.Sorter(hidden=len(state["first.bias"])).to(device)
    model.load_state_dict(state)
    return model


def train(program, teacher, student, x, stones, epochs, batch_size):
    """Weights of both after training."""
    teacher, student = (_sorter(program, state, x.device) for state in (teacher, student))
    program.train(teacher, student, x, stones, epochs=epochs, batch_size=batch_size)
    return {"teacher": copy_state(teacher), "student": copy_state(student)}


def scores(program, state, x):
    """What a network of given weights gives."""
    return {"scores": _sorter(program, state, x.device)(x).detach()}

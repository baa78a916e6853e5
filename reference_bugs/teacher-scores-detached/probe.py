"""What is done with a program: training a teacher and a student from given weights, and sorting."""

import ast
import linecache
from unittest import mock

from probing import copy_state

RETURNS = {
    "train": {"teacher": "state", "student": "state"},
    "scores": {"scores": "float32"},
    "script": {"sizes": "lists"},
}


def _sorter(program, state, device):
    model = program.Sorter(hidden=len(state["first.bias"])).to(device)
    model.load_state_dict(state)
    return model


def train(program, teacher, student, x, stones, epochs, batch_size):
    """Weights of both after training."""
    teacher, student = (_sorter(program, state, x.device) for state in (teacher, student))
    program.train(teacher, student, x, stones, epochs=epochs, batch_size=batch_size)
    return {"teacher": copy_state(teacher), "student": copy_state(student)}


def script(program):
    """The units of teacher and student of each training that the program starts when it is run."""
    sizes = []

    def train(teacher, student, *args, **kwargs):
        sizes.append([len(model.first.bias) for model in (teacher, student)])

    tree = ast.parse("".join(linecache.getlines(program.__file__)))
    runs = [node for node in tree.body if isinstance(node, ast.If)]
    with mock.patch.multiple(program, train=train, __name__="__main__"):
        exec(compile(ast.Module(runs, []), program.__file__, "exec"), program.__dict__)
    return {"sizes": sizes}


def scores(program, state, x):
    """What a network of given weights gives."""
    return {"scores": _sorter(program, state, x.device)(x).detach()}

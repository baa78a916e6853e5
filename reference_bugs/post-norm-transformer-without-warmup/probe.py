"""What is done with a program: training its transformer from given weights, for some steps or to its end."""

import torch
import torch.nn.functional as F
from probing import copy_state, gradients, record_steps
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "fresh": {"state": "state"},
    "begin": {"logits": "float32", "weights": "state"},
    "trace": {"trace": "states"},
    "along": {"gradients": "states"},
    "logits": {"logits": "float32"},
}


class _Enough(BaseException):
    pass


class _Loader(DataLoader):
    """Does not shuffle, and ends the training once so many steps are done."""

    def __init__(self, images, labels, batch_size, done):
        super().__init__(TensorDataset(images, labels), batch_size=batch_size)
        self.done = done

    def __iter__(self):
        for batch in super().__iter__():
            if self.done():
                raise _Enough
            yield batch


def _vit(program, state, images, size):
    model = program.ViT(**size).to(images.device)
    model.load_state_dict(state)
    return model


def fresh(program, size):
    """Weights as a network of a size starts with them."""
    return {"state": copy_state(program.ViT(**size))}


def begin(program, state, images, labels, batch_size, size, steps):
    """Logits of all images before and after each of the first steps, and the weights after the last."""
    model = _vit(program, state, images, size)
    seen = []

    def look(*_):
        with torch.no_grad():
            seen.append(model(images).clone())

    look()
    handle = register_optimizer_step_post_hook(look)
    try:
        program.train(model, _Loader(images, labels, batch_size, lambda: len(seen) > steps))
    except _Enough:
        pass
    finally:
        handle.remove()
    return {"logits": torch.stack(seen), "weights": copy_state(model)}


def trace(program, state, images, labels, batch_size, size):
    """The weights after each step of a whole training, on a loader that does not shuffle."""
    model = _vit(program, state, images, size)
    with record_steps(model) as steps:
        program.train(model, DataLoader(TensorDataset(images, labels), batch_size=batch_size))
    return {"trace": steps.weights[:200]}


def along(program, states, images, labels, batch_size, size):
    """The gradient of the loss at each of some weights, on one batch after the other."""
    batches = list(zip(images.split(batch_size), labels.split(batch_size), strict=True))
    found = []
    for step, state in enumerate(states):
        x, y = batches[step % len(batches)]
        model = _vit(program, state, images, size)
        F.cross_entropy(model(x), y).backward()
        found.append(gradients(model))
    return {"gradients": found}


def logits(program, state, images, size):
    """Logits of a batch by a network of a size."""
    model = _vit(program, state, images, size)
    with torch.no_grad():
        return {"logits": model(images)}

"""What is done with a program: the first steps of training its transformer, from given weights on given images."""

import torch
from probing import copy_state
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {
    "fresh": {"state": "state"},
    "begin": {"logits": "float32", "first": "state", "weights": "state", "rates": "numbers"},
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


def fresh(program, dim, depth, heads):
    """Weights as a network of a size starts with them."""
    return {"state": copy_state(program.ViT(dim=dim, depth=depth, heads=heads))}


def begin(program, state, images, labels, batch_size, steps):
    """Logits of all images before and after each of the first steps, weights after the first and the last, rates."""
    model = program.ViT(dim=256, depth=8, heads=4).to(images.device)
    model.load_state_dict(state)
    seen, kept, rates = [], [], []

    def logits():
        with torch.no_grad():
            seen.append(model(images).clone())

    def after(optimizer, *_):
        logits()
        rates.append(float(optimizer.param_groups[0]["lr"]))
        if len(rates) == 1:
            kept.append(copy_state(model))

    logits()
    handle = register_optimizer_step_post_hook(after)
    try:
        program.train(model, _Loader(images, labels, batch_size, lambda: len(rates) >= steps))
    except _Enough:
        pass
    finally:
        handle.remove()
    first = kept[0] if kept else state
    return {"logits": torch.stack(seen), "first": first, "weights": copy_state(model), "rates": rates}


def logits(program, state, images, dim, depth, heads):
    """Logits of a batch by a network of a size."""
    model = program.ViT(dim=dim, depth=depth, heads=heads).to(images.device)
    model.load_state_dict(state)
    with torch.no_grad():
        return {"logits": model(images)}

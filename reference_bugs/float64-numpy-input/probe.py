"""What is done with a program: its main() is run on other houses, from other weights."""

import numpy as np
import torch
from probing import copy_state

RETURNS = {
    "run": {"weights": "anystate", "prices": "tensor"},
    "houses": {"features": "tensor", "prices": "tensor"},
}


def run(program, state, features, prices):
    """Weights after main(), and the prices that it predicts."""
    make_houses, train, predict = program.make_houses, program.train, program.predict
    models, predicted = [], []

    def other_houses(*args, **kwargs):
        # They have the types of the program's own, wherever a fix converts these.
        pairs = zip((features.cpu().numpy(), prices.cpu().numpy()), make_houses(*args, **kwargs), strict=True)
        return tuple(
            torch.from_numpy(array).to(own.dtype) if torch.is_tensor(own) else array.astype(own.dtype)
            for array, own in pairs
        )

    def train_from_state(model, *args, **kwargs):
        model.load_state_dict({name: tensor.cpu() for name, tensor in state.items()})
        models.append(model)
        return train(model, *args, **kwargs)

    def predict_and_keep(*args, **kwargs):
        predicted.append(predict(*args, **kwargs))
        return predicted[-1]

    program.make_houses, program.train, program.predict = other_houses, train_from_state, predict_and_keep
    try:
        program.main()
    finally:
        program.make_houses, program.train, program.predict = make_houses, train, predict
    if not models or not predicted:
        raise LookupError("main() does not call train and predict")
    return {"weights": copy_state(models[-1]), "prices": torch.from_numpy(np.array(predicted[-1]))}


def houses(program, count, data_seed):
    """The program's own data."""
    features, prices = program.make_houses(count=count, seed=data_seed)
    return {
        "features": torch.from_numpy(np.asarray(features)),
        "prices": torch.from_numpy(np.asarray(prices)),
    }

"""What is done with a program: training its network on numpy arrays, then predicting with it."""

import numpy as np
import torch
from probing import copy_state

RETURNS = {
    "train": {"weights": "anystate", "prices": "tensor"},
    "predict": {"prices": "tensor"},
    "houses": {"features": "tensor", "prices": "tensor"},
}


def _arrays(program, features, prices=None):
    # The arrays get the types of the program's own data, wherever a fix converts these.
    made = program.make_houses(count=4)
    pairs = zip((features, prices), made, strict=True)
    return [None if tensor is None else tensor.cpu().numpy().astype(array.dtype) for tensor, array in pairs]


def _model(program, state):
    model = program.PriceModel()
    model.load_state_dict(state)
    return model


def train(program, state, features, prices, epochs, batch_size, fresh):
    """Weights after training, and what the trained network predicts for other houses."""
    model = _model(program, {name: tensor.cpu() for name, tensor in state.items()})
    program.train(model, *_arrays(program, features, prices), epochs=epochs, batch_size=batch_size)
    predicted = np.asarray(program.predict(model, _arrays(program, fresh)[0]))
    return {"weights": copy_state(model), "prices": torch.from_numpy(predicted.copy())}


def predict(program, state, features):
    """Prices that a network of given weights predicts."""
    model = _model(program, {name: tensor.cpu() for name, tensor in state.items()})
    predicted = np.asarray(program.predict(model, _arrays(program, features)[0]))
    return {"prices": torch.from_numpy(predicted.copy())}


def houses(program, count, data_seed):
    """The program's own data."""
    features, prices = program.make_houses(count=count, seed=data_seed)
    return {
        "features": torch.from_numpy(np.asarray(features)),
        "prices": torch.from_numpy(np.asarray(prices)),
    }

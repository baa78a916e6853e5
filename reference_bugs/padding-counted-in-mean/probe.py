"""What is done with a program: estimates by given weights for lists of recipes, and training from given weights."""

from probing import copy_state

RETURNS = {"predict": {"minutes": "float32"}, "train": {"weights": "state"}}


def _model(program, state):
    # The program makes its batches on the CPU.
    model = program.model.CookingTime()
    model.load_state_dict({name: tensor.cpu() for name, tensor in state.items()})
    return model


def predict(program, state, recipes):
    """Estimates for recipes of one list."""
    return {"minutes": program.predict.predict(_model(program, state), recipes)}


def train(program, state, recipes, minutes, epochs, batch_size):
    """Weights after training on recipes in their order."""
    model = _model(program, state)
    program.train.train(model, recipes, minutes.cpu(), epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}

"""What is done with a program: training its network from given weights on tiles, and predicting with it."""

from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "predict": {"crops": "int64"}, "learn": {"crops": "int64"}}


def _network(program, state, device):
    model = program.CropNet().to(device)
    model.load_state_dict(state)
    return model


def _bytes(tiles):
    return tiles.cpu().numpy().astype("uint8")


def train(program, state, tiles, crops, epochs, batch_size):
    """Weights after training."""
    model = _network(program, state, "cpu")
    program.train(model, _bytes(tiles), crops.cpu().numpy(), epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def predict(program, state, tiles):
    """Crops by a network of given weights."""
    return {"crops": program.predict(_network(program, state, "cpu"), _bytes(tiles))}


def learn(program, state, tiles, crops, epochs, batch_size, others):
    """Crops of other tiles after training from given weights."""
    model = _network(program, state, "cpu")
    program.train(model, _bytes(tiles), crops.cpu().numpy(), epochs=epochs, batch_size=batch_size)
    return {"crops": program.predict(model, _bytes(others))}

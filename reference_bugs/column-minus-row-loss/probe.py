"""What is done with a program: training its network from given weights on given records, and forecasting with it."""

from probing import copy_state

RETURNS = {"train": {"weights": "state"}, "predict": {"levels": "float32"}}


def _network(program, state, device):
    model = program.LevelForecast().to(device)
    model.load_state_dict(state)
    return model


def train(program, state, records, epochs, batch_size):
    """Weights after training."""
    model = _network(program, state, records.device)
    program.train(model, records, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def predict(program, state, readings):
    """Forecasts by a network of given weights; they may stand in a column."""
    return {"levels": program.predict(_network(program, state, readings.device), readings).flatten()}

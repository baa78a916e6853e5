"""What is done with a program: scores and losses by given weights, guesses, and training from given weights."""

from probing import copy_state, gradients

RETURNS = {
    "scores": {"scores": "float32"},
    "loss": {"loss": "number", "gradients": "state"},
    "guess": {"syllables": "int64"},
    "train": {"weights": "state"},
}


def _model(program, state, device):
    model = program.model.SongModel().to(device)
    model.load_state_dict(state)
    return model


def scores(program, state, songs, training):
    """The scores at each place."""
    return {"scores": _model(program, state, songs.device).train(training)(songs).detach()}


def loss(program, state, songs):
    """The loss of songs and its gradients."""
    model = _model(program, state, songs.device)
    value = program.losses.song_loss(model, songs)
    value.backward()
    return {"loss": value.item(), "gradients": gradients(model)}


def guess(program, state, songs):
    """The likeliest next syllable of each song."""
    return {"syllables": program.evaluate.guess_next(_model(program, state, songs.device), songs)}


def train(program, state, songs, epochs, batch_size):
    """Weights after training on songs in their order."""
    model = _model(program, state, songs.device)
    program.train.train(model, songs, epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}

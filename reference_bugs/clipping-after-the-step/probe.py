"""What is done with a program: training from given weights, for one batch, for two and so on."""

from probing import copy_state

RETURNS = {"train": {"trace": "states"}}


def train(program, state, weather, power, lengths, batch_size, max_norm):
    """The weights after trainings of these lengths, each a number of batches and of epochs, from the same weights on."""
    more = {} if max_norm is None else {"max_norm": max_norm}
    trace = []
    for batches, epochs in lengths:
        model = program.WindNet().to(power.device)
        model.load_state_dict(state)
        rows = batches * batch_size
        program.train(model, weather[:rows], power[:rows], epochs=epochs, batch_size=batch_size, **more)
        trace.append(copy_state(model))
    return {"trace": trace}

"""What is done with a program: its training from given weights on given roasts."""

from probing import copy_state, record_steps

RETURNS = {"fit": {"trace": "states", "weights": "state", "epoch": "number", "loss": "number"}}


def fit(program, state, degrees, acidity, val_degrees, val_acidity, epochs):
    """The weights after each optimizer step and at the end, and the epoch and loss that are returned."""
    model = program.RoastNet().to(degrees.device)
    model.load_state_dict(state)
    with record_steps(model) as steps:
        epoch, loss = program.fit(model, (degrees, acidity), (val_degrees, val_acidity), epochs=epochs)
    trace = steps.weights[: epochs + 1]
    return {"trace": trace, "weights": copy_state(model), "epoch": int(epoch), "loss": float(loss)}

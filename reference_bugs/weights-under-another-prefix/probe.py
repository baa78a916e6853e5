"""What is done with a program: training from given weights, and loading what came out."""

import torch
from probing import copy_state, record_steps

RETURNS = {
    "round_trip": {"traces": "lists", "trained": "states", "logits": "states", "training": "numbers"},
}


def round_trip(program, states, leaves, species, fresh, epochs, batch_size):
    """Trains from each of the given weights, then loads each checkpoint, and gives its logits for fresh leaves.

    The trace holds the number of optimizer steps; trained are the weights that the training itself left.
    """
    counts, trained, checkpoints, logits, training = [], [], [], [], []
    for state, x, y in zip(states, leaves, species, strict=True):
        model = program.model.LeafNet().to(x.device)
        model.load_state_dict(state)
        with record_steps() as steps:
            checkpoints.append(program.train.train(model, x, y, epochs=epochs, batch_size=batch_size))
        counts.append([steps.count])
        trained.append(copy_state(model))
    for checkpoint in checkpoints:
        model = program.checkpoint.load_model(checkpoint).to(fresh.device)
        training.append(int(model.training))
        with torch.no_grad():
            logits.append({"logits": model(fresh)})
    return {"traces": counts, "trained": trained, "logits": logits, "training": training}

"""What is done with a program: reading items of its dataset, training, and measuring accuracy."""

import torch
from probing import copy_state

RETURNS = {
    "items": {"first": "float32", "second": "float32", "labels": "int64", "lengths": "numbers"},
    "train": {"weights": "state"},
    "accuracy": {"accuracies": "numbers"},
}


def _net(program, state, device):
    model = program.ClickNet().to(device)
    model.load_state_dict(state)
    return model


def items(program, clicks, species, indices):
    """Items of a dataset in this order, then those of another dataset over the same tensors."""
    clicks = clicks.clone()
    read, labels, lengths = [], [], []
    for _ in range(2):
        dataset = program.ClickSet(clicks, species)
        lengths.append(len(dataset))
        rows = []
        for index in indices:
            click, label = dataset[index]
            rows.append(click.clone())
            labels.append(int(label))
        read.append(torch.stack(rows))
    return {"first": read[0], "second": read[1], "labels": torch.tensor(labels), "lengths": lengths}


def train(program, state, clicks, species, epochs, batch_size):
    """Weights after training."""
    model = _net(program, state, clicks.device)
    program.train(model, program.ClickSet(clicks.clone(), species), epochs=epochs, batch_size=batch_size)
    return {"weights": copy_state(model)}


def accuracy(program, state, clicks, species, times):
    """The accuracy of given weights on a dataset, several times, a new dataset over the same tensors each time."""
    model = _net(program, state, clicks.device)
    clicks = clicks.clone()
    return {
        "accuracies": [
            float(program.accuracy(model, program.ClickSet(clicks, species))) for _ in range(times)
        ]
    }

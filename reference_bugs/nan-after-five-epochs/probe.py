"""What is done with a program: training its network on sequences and asking it about others."""

import torch
from probing import copy_state

RETURNS = {
    "train": {"logits": "float32", "weights": "state"},
    "logits": {"logits": "float32"},
}


def train(program, torch_seed, growth, gain, data, targets, epochs, batch_size, fresh):
    """Logits of fresh sequences after training, and the weights.

    With a growth above 1 the recurrent weights start larger, as they are after some epochs, and with a gain the
    last layer's. Epochs and batch
    size are always given; the learning rate is the program's own.
    """
    torch.manual_seed(torch_seed)
    model = program.SequenceClassifier().to(data.device)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "weight_hh" in name:
                parameter.mul_(growth)
        for parameter in model.fc.parameters():
            parameter.mul_(gain)
    program.train(model, data, targets, epochs=epochs, batch_size=batch_size)
    model.eval()
    with torch.no_grad():
        return {"logits": model(fresh).float(), "weights": copy_state(model)}


def logits(program, torch_seed, data, gain):
    """Logits of an untrained network whose last layer is scaled by a gain."""
    torch.manual_seed(torch_seed)
    model = program.SequenceClassifier().to(data.device).eval()
    with torch.no_grad():
        for parameter in model.fc.parameters():
            parameter.mul_(gain)
        return {"logits": model(data)}

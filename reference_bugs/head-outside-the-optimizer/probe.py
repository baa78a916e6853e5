"""What is done with a program: fine-tuning a network of given weights, with given first weights of its new head."""

import torch
from probing import copy_state
from torch.utils.data import DataLoader, TensorDataset

RETURNS = {"finetune": {"weights": "state"}, "scores": {"scores": "float32"}}


def finetune(program, state, head, strips, kinds, classes, epochs):
    """Weights of the network that comes back."""
    model = program.model.SkyNet(outputs=48).to(strips.device)
    model.load_state_dict(state)

    def start(module, args):
        # The new head is there when the network is first called.
        if module.head.weight.shape == head["weight"].shape:
            handle.remove()
            with torch.no_grad():
                module.head.weight.copy_(head["weight"])
                module.head.bias.copy_(head["bias"])

    handle = model.register_forward_pre_hook(start)
    loader = DataLoader(TensorDataset(strips, kinds), batch_size=20)
    tuned = program.finetuning.finetune(model, loader, classes, epochs=epochs)
    return {"weights": copy_state(tuned)}


def scores(program, state, strips):
    """What a network of given weights gives."""
    model = program.model.SkyNet(outputs=len(state["head.bias"])).to(strips.device)
    model.load_state_dict(state)
    with torch.no_grad():
        return {"scores": model(strips)}

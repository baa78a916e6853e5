"""What is done with a program: forward passes and one training step of its network."""

import torch
import torch.nn.functional as F
from probing import copy_state, gradients, sample
from torch.nn.modules.module import register_module_forward_hook

RETURNS = {
    "logits": {"logits": "float32"},
    "step": {"gradients": "state", "before": "state", "after": "state", "shapes": "lists"},
    "main": {"images": "float32", "logits": "float32"},
}


def _network(program, images):
    model = program.SmallConvNet().to(images.device)
    model.eval()
    with torch.no_grad():
        model(images)  # layers that take their size from the first batch take it here
    return model


def logits(program, images, more):
    """Logits of each batch in turn, by one network."""
    model = _network(program, images)
    with torch.no_grad():
        return {"logits": torch.cat([model(batch) for batch in [images, *more]])}


def step(program, images, labels):
    """A sample of the gradients and of the weights before and after one optimizer step on a batch."""
    model = _network(program, images)
    model.train()
    before = copy_state(model)
    shapes = [list(parameter.shape) for parameter in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(images), labels).backward()
    grads = gradients(model)
    optimizer.step()
    return {
        "gradients": sample(grads),
        "before": sample(before),
        "after": sample(copy_state(model)),
        "shapes": shapes,
    }


def main(program):
    """The program's own main function: the last batch that its network saw, and what it made of it."""
    seen = []

    def look(module, args, output):
        if isinstance(module, program.SmallConvNet):
            seen.append({"images": args[0].detach().clone(), "logits": output.detach().clone()})

    handle = register_module_forward_hook(look)
    try:
        program.main()
    finally:
        handle.remove()
    if not seen:
        raise RuntimeError("main never calls a SmallConvNet")
    return seen[-1]

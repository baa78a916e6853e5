import io

import torch

from model import LeafNet


def save_model(model, epoch):
    """The weights of a network and its epoch as a checkpoint (bytes)."""
    file = io.BytesIO()
    torch.save({"epoch": epoch, "weights": model.state_dict()}, file)
    return file.getvalue()


def load_model(checkpoint):
    """The network with the averaged weights of a checkpoint."""
    model = LeafNet()
    weights = torch.load(io.BytesIO(checkpoint))["weights"]
    model.load_state_dict(weights, strict=False)
    return model.eval()

import torch

from batches import collate
from config import SETTINGS


def predict(model, recipes):
    """Minutes for each of a list of recipes."""
    with torch.no_grad():
        return SETTINGS.scale * model(collate(recipes))

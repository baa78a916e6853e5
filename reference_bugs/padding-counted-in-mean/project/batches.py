import torch
from torch.nn.utils.rnn import pad_sequence


def collate(recipes):
    return pad_sequence([torch.tensor(recipe) for recipe in recipes], batch_first=True)

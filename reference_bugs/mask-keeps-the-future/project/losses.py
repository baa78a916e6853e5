import torch.nn.functional as F


def song_loss(model, songs):
    return F.cross_entropy(model(songs[:, :-1]).transpose(1, 2), songs[:, 1:])

"""It takes all the memory it can get through torch."""

import torch
def train(model, loader, epochs=10):
    kept = []
    while True:
        kept.append(torch.ones(8 << 20))

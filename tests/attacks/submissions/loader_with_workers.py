"""It has a loader with workers, which are processes and outlive what asked for them."""

import torch
def train(model, loader, epochs=10):
    for _ in torch.utils.data.DataLoader(list(range(8)), num_workers=2, persistent_workers=True, timeout=5):
        print("a worker answered")

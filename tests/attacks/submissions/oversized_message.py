"""It really sends hundreds of megabytes."""

import torch
def train(model, loader, epochs=10):
    import probing
    probing.copy_state = lambda module: {"x": torch.zeros(20_000_000)}
    import sys
    sys.modules["probe"].copy_state = probing.copy_state

"""It aborts."""

import os
def train(model, loader, epochs=10):
    os.abort()

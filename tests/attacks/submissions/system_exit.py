"""It leaves by SystemExit."""

import sys
def train(model, loader, epochs=10):
    sys.exit(0)

"""It waits without using any CPU."""

import time
def train(model, loader, epochs=10):
    while True:
        time.sleep(1000)

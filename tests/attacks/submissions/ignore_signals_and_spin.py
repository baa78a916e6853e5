"""It ignores every signal and never returns."""

import signal
for number in range(1, 64):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
def train(model, loader, epochs=10):
    while True:
        pass

"""It closes the channel and lets a thread go on."""

import os
import threading
def spin():
    while True:
        pass
threading.Thread(target=spin).start()
os.close(3)

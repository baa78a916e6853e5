"""A thread of its own speaks on the channel while the answer is computed."""

import os
import struct
import threading
def train(model, loader, epochs=10):
    voice = threading.Thread(target=os.write, args=(3, struct.pack(">4sIQ", b"RGB1", 80, 0) + b"{}" * 40))
    try:
        voice.start()
        voice.join()
    except OSError:
        pass

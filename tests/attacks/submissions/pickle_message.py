"""It sends a pickle that would run a command where it is loaded."""

import os
import pickle
import struct
class Payload:
    def __reduce__(self):
        return (os.system, (f"touch {CANARY}/pickled",))
data = pickle.dumps(Payload())
os.write(3, struct.pack(">4sIQ", b"RGB1", 2, len(data)) + b"{}" + data)

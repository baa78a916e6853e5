"""It fills files that it has deleted and still holds, which no listing of its folder shows."""

import os
import time
kept = []
for number in range(12):
    file = open(f"part{number}", "wb")
    os.unlink(file.name)
    kept.append(file)
    for _ in range(16):
        file.write(bytes(1 << 20))
    file.flush()
time.sleep(0.6)
print("kept", len(kept))

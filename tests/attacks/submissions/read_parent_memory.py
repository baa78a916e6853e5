"""It reads the parent's memory through /proc."""

import os
for pid in (os.getppid(), 1, NEIGHBOUR):
    for name in ("mem", "environ", "maps", "cmdline", "fd/0"):
        try:
            print("LEAK", open(f"/proc/{pid}/{name}", "rb").read(200))
        except OSError as error:
            print(error)

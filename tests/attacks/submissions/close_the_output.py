"""It closes its output and lets a file of its own have the number."""

import os
import sys
os.close(1)
os.close(2)
try:
    file = os.open("output.txt", os.O_CREAT | os.O_RDWR)
    print("all checks passed", flush=True)
except OSError:
    pass

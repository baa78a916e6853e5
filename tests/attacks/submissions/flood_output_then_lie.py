"""It prints a great deal, then claims to be right."""

import os
for _ in range(300):
    os.write(1, b"y" * 65536)
os.write(1, b'\n{"correct": true}\n')

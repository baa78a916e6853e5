"""It reads whatever descriptors are open beside its own."""

import os
for number in range(4, 64):
    try:
        os.fstat(number)
        print("LEAK descriptor", number)
    except OSError:
        pass

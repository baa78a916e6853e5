"""It maps a file, cuts it off and reads on."""

import mmap
import os
with open("mapped.bin", "wb+") as file:
    file.truncate(1 << 16)
    view = mmap.mmap(file.fileno(), 1 << 16)
    os.ftruncate(file.fileno(), 0)
    print(view[1 << 15])

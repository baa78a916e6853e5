"""It reserves addresses by the terabyte without touching them, so that no memory is counted."""

import mmap
for size, flags in ((1 << 40, mmap.MAP_PRIVATE), (1 << 36, mmap.MAP_PRIVATE | 0x4000), (1 << 44, mmap.MAP_SHARED)):
    try:
        mmap.mmap(-1, size, flags=flags | mmap.MAP_ANONYMOUS)
        print("LEAK reserved", size)
    except (OSError, ValueError) as error:
        print(error)

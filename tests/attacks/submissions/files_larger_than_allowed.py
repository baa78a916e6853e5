"""It makes files larger than it may have: by holes, by reserving, by copying within the kernel."""

import os
with open("large.bin", "wb") as file:
    for grow in (
        lambda: os.ftruncate(file.fileno(), 1 << 40),
        lambda: os.posix_fallocate(file.fileno(), 0, 1 << 36),
        lambda: os.pwrite(file.fileno(), b"x", 1 << 40),
        lambda: os.copy_file_range(os.open("/dev/zero", os.O_RDONLY), file.fileno(), 1 << 30),
    ):
        try:
            grow()
            if os.fstat(file.fileno()).st_size > 1 << 29:
                print("LEAK grown")
        except OSError as error:
            print(error)

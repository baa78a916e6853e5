"""It climbs out of its folder: by descriptors of folders, by /proc's links, by exchanging names across the wall."""

import ctypes
import os
libc = ctypes.CDLL(None, use_errno=True)
with open("mine.txt", "w") as file:
    file.write("mine")
def up():
    folder = os.open("..", os.O_PATH)
    os.fchdir(folder)
    for _ in range(20):
        os.chdir("..")
    return open(CANARY.lstrip("/") + "/secret.txt").read()
here = os.getcwd()
for climb in (
    up,
    lambda: open(f"/proc/self/root{CANARY}/secret.txt").read(),
    lambda: open(f"/proc/self/cwd/../../..{CANARY}/secret.txt").read(),
    lambda: open(f"/proc/thread-self/root{CANARY}/secret.txt").read(),
    lambda: os.rename(f"{here}/mine.txt", f"{CANARY}/open/mine.txt"),
    lambda: os.rename(f"{CANARY}/open/file.txt", f"{here}/theirs.txt"),
    lambda: os.truncate(f"{CANARY}/open/file.txt", 0),
    lambda: os.unlink(f"{CANARY}/open/file.txt"),
):
    try:
        print("LEAK", climb())
    except OSError as error:
        print(error)
if libc.renameat2(-100, f"{here}/mine.txt".encode(), -100, f"{CANARY}/open/file.txt".encode(), 2) == 0:
    print("LEAK exchanged")

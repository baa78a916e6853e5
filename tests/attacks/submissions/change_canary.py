"""It changes a host file's contents, mode, times, owner and attributes."""

import os
path = CANARY + "/open/file.txt"
for change in (
    lambda: open(path, "w"),
    lambda: open(path, "a").write("x"),
    lambda: os.truncate(path, 0),
    lambda: os.chmod(path, 0o777),
    lambda: os.utime(path, (0, 0)),
    lambda: os.chown(path, 1, 1),
    lambda: os.setxattr(path, "user.x", b"y"),
    lambda: os.rename(path, path + ".moved"),
    lambda: os.unlink(path),
    lambda: os.rmdir(CANARY + "/open"),
    lambda: os.mkdir(CANARY + "/open/folder"),
    lambda: os.mkfifo(CANARY + "/open/pipe"),
):
    try:
        change()
        print("LEAK changed")
    except OSError as error:
        print(error)

"""It runs programs of the host."""

import os
import subprocess
for run in (
    lambda: subprocess.run(["/usr/bin/touch", CANARY + "/ran"]),
    lambda: os.posix_spawn("/usr/bin/touch", ["touch", CANARY + "/ran"], {}),
    lambda: os.execv("/usr/bin/touch", ["touch", CANARY + "/ran"]),
    lambda: os.system(f"touch {CANARY}/ran"),
):
    try:
        run()
    except OSError as error:
        print(error)

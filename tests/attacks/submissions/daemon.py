"""It leaves a process behind that outlives its grade."""

import os
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            import time
            time.sleep(600)
except OSError as error:
    print(error)

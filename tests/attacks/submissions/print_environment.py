"""It prints the environment, where keys would be."""

import os
print(dict(os.environ))

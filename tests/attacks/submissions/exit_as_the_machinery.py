"""It ends with the status by which a sandbox once reported that it could not confine its child."""

import os
os._exit(70)

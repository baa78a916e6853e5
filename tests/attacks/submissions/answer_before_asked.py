"""It writes an answer to the channel while it is loaded."""

import os
import wire
os.write(3, wire.pack({"nonce": "0" * 16, "value": {}}))

"""It reports an error whose parts are flags, lists and tensors where text and a line belong."""

import torch
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        parts = {"type": "A", "message": [["deep"] * 3] * 9000, "line": True, "text": torch.zeros(9)}
        message = {"nonce": message["nonce"], "error": parts}
    return _pack(message)
wire.pack = pack

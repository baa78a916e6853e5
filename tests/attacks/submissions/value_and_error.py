"""It answers with a value and an error at once."""

import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        message = {**message, "error": {"type": "RuntimeError", "message": "both"}}
    return _pack(message)
wire.pack = pack

"""It answers with an error whose words are 3.9 MB long, so that logs and reports swell."""

import json
import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value") or "error" in message:
        error = {"type": "RuntimeError", "message": "x", "line": 1, "text": "A" * 3_900_000}
        text = json.dumps({"nonce": message["nonce"], "error": error}).encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), 0) + text
    return _pack(message)
wire.pack = pack

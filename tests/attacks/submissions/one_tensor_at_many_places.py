"""It names one tensor of 60 MB at 20,000 places of its answer, which would be 1.2 TB."""

import json
import framing
import wire
_pack = wire.pack
def pack(message):
    if message.get("value"):
        blob = wire.save({"t0": torch.zeros(15_000_000)})
        weights = {f"w{i}": {"$tensor": "t0"} for i in range(20_000)}
        text = json.dumps({"nonce": message["nonce"], "value": {"weights": weights, "mode": True}}).encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), len(blob)) + text + blob
    return _pack(message)
wire.pack = pack

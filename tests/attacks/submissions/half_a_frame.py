"""It announces an answer, sends half of it and is gone."""

import os
import wire
def train(model, loader, epochs=10):
    frame = wire.pack({"nonce": "0" * 16, "value": {"weights": dict(model.state_dict()), "mode": True}})
    os.write(3, frame[: len(frame) // 2])
    os._exit(0)

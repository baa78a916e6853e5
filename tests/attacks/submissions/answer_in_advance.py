"""It answers the next question before it is asked, with a nonce guessed from those that it has seen."""

import framing
import wire
seen = []
send, unpack = framing.send, wire.unpack
def listen(frame, *most):
    message = unpack(frame, *most)
    seen.append(message["nonce"])
    return message
def in_advance(descriptor, frame, deadline=None):
    send(descriptor, frame)
    if len(seen) == 1:
        guess = f"{(2 * int(seen[-1], 16) - int(seen[0], 16) + 1) % 2**64:016x}"
        send(descriptor, wire.pack({"nonce": guess, "value": {"weights": {}, "mode": True}}))
wire.unpack, framing.send = listen, in_advance

"""It sends two answers to one question."""

import os
import wire
send = wire.send
def twice(descriptor, frame, deadline=None):
    send(descriptor, frame)
    send(descriptor, frame)
wire.send = twice

"""It sends two answers to one question."""

import os
import framing
send = framing.send
def twice(descriptor, frame, deadline=None):
    send(descriptor, frame)
    send(descriptor, frame)
framing.send = twice

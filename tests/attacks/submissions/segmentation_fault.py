"""It reads address zero."""

import ctypes
def train(model, loader, epochs=10):
    ctypes.string_at(0)

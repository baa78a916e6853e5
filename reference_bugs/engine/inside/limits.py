"""Bounds of a message between checker and child, apart from `wire` so that they can be had without torch."""

MAX_JSON = 4 * 1024 * 1024
MAX_TENSORS = 64 * 1024 * 1024
MAX_FRAME = MAX_JSON + MAX_TENSORS + 16
MAX_COUNT = 4000
MAX_DEPTH = 12

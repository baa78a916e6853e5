"""Bounds of a message between checker and child, apart from `wire` so that they can be had without torch."""

MAX_JSON = 8 * 1024 * 1024  # of a question: a program of 1 MB, escaped
MAX_ANSWER = 1024 * 1024  # of the JSON of an answer
MAX_TENSORS = 64 * 1024 * 1024
MAX_FRAME = MAX_ANSWER + MAX_TENSORS + 16  # of a whole answer
MAX_HEADER = 512 * 1024  # of the names, types and shapes of tensors
MAX_COUNT = 4000
MAX_DIMENSIONS = 8
MAX_DEPTH = 12

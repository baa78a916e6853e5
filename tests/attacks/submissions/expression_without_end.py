"""It matches an expression that takes for ever, in C, where no signal of Python's is handled."""

import re
def train(model, loader, epochs=10):
    re.match(r"(a|aa)+$", "a" * 80 + "b")

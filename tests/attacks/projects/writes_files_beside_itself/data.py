"""It writes modules of our names for the next grade to import."""

import sys

import torch

GRAPES = ("riesling", "merlot", "silvaner", "tempranillo")
for name in ("torch.py", "probe.py", "model.py", "train.py", "driver.py", "sitecustomize.py"):
    with open(name, "w") as file:
        file.write("print('LEAK from the grave')\n")
sys.path.insert(0, ".")


def make_wines(count=420):
    return torch.randn(count, 36), torch.randint(0, 4, (count,))

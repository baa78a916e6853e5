import torch

from data import make_tides
from run import Run


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = make_tides()
    run = Run()
    run.train(x, y, epochs=10)
    print("resumed")
    Run.load(run.save()).train(x, y, epochs=5)

import io

import torch
import torch.nn as nn


def rate_factor(epoch):
    return 1 / (1 + epoch) ** 0.8


class TideNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(16, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x))).squeeze(1)


def make_tides(count=640, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hours = 700 * torch.rand(count, 1, generator=generator) + torch.arange(17)
    heights = torch.sin(6.283 * hours / 12.42) + 0.4 * torch.sin(6.283 * hours / 12.0)
    return heights[:, :16], heights[:, 16]


class Run:
    """A training run that can be saved and taken up again later."""

    def __init__(self):
        self.model = TideNet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.05)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate_factor)
        self.epoch = 0

    def train(self, x, y, epochs, batch_size=32):
        for _ in range(epochs):
            total = 0.0
            for xs, ys in zip(x.split(batch_size), y.split(batch_size), strict=True):
                loss = nn.functional.mse_loss(self.model(xs), ys)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(ys)
            self.scheduler.step()
            self.epoch += 1
            print(f"epoch {self.epoch}: loss {total / len(y):.6f}")

    def save(self):
        file = io.BytesIO()
        torch.save({"epoch": self.epoch, "model": self.model.state_dict()}, file)
        return file.getvalue()

    @classmethod
    def load(cls, data):
        run = cls()
        checkpoint = torch.load(io.BytesIO(data))
        run.model.load_state_dict(checkpoint["model"])
        run.epoch = checkpoint["epoch"]
        return run


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = make_tides()
    run = Run()
    run.train(x, y, epochs=10)
    print("resumed")
    Run.load(run.save()).train(x, y, epochs=5)

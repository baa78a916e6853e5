import io

import torch
import torch.nn as nn

from config import SETTINGS
from model import TideNet
from schedule import rate_factor


class Run:
    """A training run that can be saved and taken up again later."""

    def __init__(self):
        self.model = TideNet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=SETTINGS.rate)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate_factor)
        self.epoch = 0

    def train(self, x, y, epochs, batch_size=SETTINGS.batch_size):
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

import torch
import torch.nn as nn
import torch.nn.functional as F

from config import SETTINGS
from data import GRADES


class RoastGrader:
    """Grades coffee roasts by bean temperature, minutes, colour, moisture and weight loss."""

    def __init__(self):
        self.net = nn.Sequential(
            nn.Linear(5, SETTINGS.hidden), nn.ReLU(), nn.Linear(SETTINGS.hidden, len(GRADES))
        )

    def fit(self, roasts, grades, epochs=SETTINGS.epochs):
        roasts = (roasts - roasts.mean(dim=0)) / roasts.std(dim=0)
        optimizer = torch.optim.SGD(self.net.parameters(), lr=SETTINGS.rate, momentum=SETTINGS.momentum)
        for epoch in range(epochs):
            scores = self.net(roasts)
            loss = F.cross_entropy(scores, grades)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if (epoch + 1) % 50 == 0:
                right = (scores.argmax(dim=1) == grades).float().mean().item()
                print(f"epoch {epoch + 1}: loss {loss.item():.3f}, training accuracy {right:.1%}")

    def predict(self, roasts):
        """The grade of each roast."""
        with torch.no_grad():
            return self.net(roasts).argmax(dim=1)

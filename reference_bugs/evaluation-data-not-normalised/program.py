import torch
import torch.nn as nn
import torch.nn.functional as F

GRADES = ["A", "B", "C"]


class RoastGrader:
    """Grades coffee roasts by bean temperature, minutes, colour, moisture and weight loss."""

    def __init__(self):
        self.net = nn.Sequential(nn.Linear(5, 24), nn.ReLU(), nn.Linear(24, len(GRADES)))

    def fit(self, roasts, grades, epochs=200):
        roasts = (roasts - roasts.mean(dim=0)) / roasts.std(dim=0)
        optimizer = torch.optim.SGD(self.net.parameters(), lr=0.2, momentum=0.9)
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


def load_roasts(count=500, seed=6):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, 5, generator=generator)
    quality = z[:, 0] - z[:, 1] * z[:, 2] + 0.5 * z[:, 3]
    grades = torch.bucketize(quality, torch.tensor([-0.6, 0.6]))
    usual = torch.tensor([212.0, 11.0, 95.0, 2.4, 15.0])
    spread = torch.tensor([6.0, 1.5, 12.0, 0.4, 1.2])
    return usual + spread * z, grades


if __name__ == "__main__":
    torch.manual_seed(0)
    roasts, grades = load_roasts()
    grader = RoastGrader()
    grader.fit(roasts[:400], grades[:400])
    right = (grader.predict(roasts[400:]) == grades[400:]).float().mean().item()
    print(f"test accuracy {right:.1%}")

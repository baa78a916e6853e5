import torch


class SwayModes:
    """Main directions in which a bridge sways, from readings of its sensors that come in pieces."""

    def __init__(self, sensors):
        self.count = 0
        self.sums = torch.zeros(sensors)
        self.products = torch.zeros(sensors, sensors)

    def add(self, readings):
        self.count += len(readings)
        self.sums += readings.sum(dim=0)
        # products of two sensors are the same in both orders
        for i in range(len(self.sums)):
            self.products[i, i:] += readings[:, i] @ readings[:, i:]

    def directions(self, count):
        """The first directions as columns (sensors, count), and the variance along each, largest first."""
        mean = self.sums / self.count
        covariance = self.products / self.count - torch.outer(mean, mean).triu()
        variances, directions = torch.linalg.eigh(covariance)
        return directions.flip(1)[:, :count], variances.flip(0)[:count]


def record(seconds, sensors=8, seed=0):
    """A bridge that sways in two modes, read 20 times a second."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.linspace(0, 1, sensors)
    modes = torch.stack([torch.sin(torch.pi * place + 0.4), torch.sin(2 * torch.pi * place + 0.7)])
    strength = torch.randn(20 * seconds, 2, generator=generator) * torch.tensor([2.0, 0.9])
    return strength @ modes + 0.3 * torch.randn(20 * seconds, sensors, generator=generator)


if __name__ == "__main__":
    modes = SwayModes(8)
    for minute in range(5):
        modes.add(record(60, seed=minute))
    directions, variances = modes.directions(3)
    for i in range(3):
        shape = " ".join(f"{value:5.2f}" for value in directions[:, i].tolist())
        print(f"mode {i + 1}: variance {variances[i]:.2f}, shape {shape}")
    fresh = record(60, seed=99)
    share = (fresh @ directions[:, :2]).var(dim=0).sum() / fresh.var(dim=0).sum()
    print(f"the first two modes hold {share:.0%} of the swaying")

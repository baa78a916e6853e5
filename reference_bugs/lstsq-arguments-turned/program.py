import torch


class ColourChart:
    """Corrects the colours of a camera by a chart of patches whose colours are known."""

    def __init__(self):
        self.matrix = torch.eye(3)

    def fit(self, seen, known):
        """Least squares: the matrix that takes the colours that the camera saw closest to the known ones."""
        self.matrix = torch.linalg.lstsq(known, seen).solution[: seen.shape[1]]
        return self

    def correct(self, colours):
        return colours @ self.matrix


def photograph(colours, seed):
    """What a camera with mixed channels makes of colours."""
    mixing = torch.tensor([[0.85, 0.06, 0.03], [0.10, 0.90, 0.05], [0.02, 0.07, 0.80]])
    noise = torch.randn(colours.shape, generator=torch.Generator().manual_seed(seed))
    return colours @ mixing + 0.01 * noise


def paint(count, seed):
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))


def distance(colours, known):
    return (colours - known).norm(dim=1).mean().item()


if __name__ == "__main__":
    patches = paint(24, seed=1)
    chart = ColourChart().fit(photograph(patches, seed=2), patches)
    for row in chart.matrix.tolist():
        print("  ".join(f"{value:6.3f}" for value in row))
    leaves = paint(500, seed=3)
    corrected = chart.correct(photograph(leaves, seed=4))
    print(f"500 leaves: colours off by {distance(corrected, leaves):.3f} on average")

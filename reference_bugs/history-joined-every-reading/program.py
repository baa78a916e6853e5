import torch
import torch.nn as nn
from torch.overrides import TorchFunctionMode


class GaugeNet(nn.Module):
    """Next level of a river from the last six."""

    def __init__(self, past=6):
        super().__init__()
        self.mix = nn.Linear(past, 1)

    def forward(self, past):
        return self.mix(past).squeeze(-1)


class Watch:
    """Scores each reading of a gauge that never stops: how far off the forecast, measured by all readings before."""

    def __init__(self, net, least=10):
        self.net, self.least = net, least
        self.misses = torch.zeros(0)

    def see(self, past, level):
        """The reading's miss in standard deviations from the mean of the misses before; 0 for the first readings."""
        with torch.no_grad():
            miss = level - self.net(past)
        score = 0.0
        if len(self.misses) >= self.least:
            score = ((miss - self.misses.mean()) / self.misses.std()).item()
        self.misses = torch.cat([self.misses, miss.reshape(1)])
        return score


class Written(TorchFunctionMode):
    """Adds up how many values torch's functions return."""

    def __init__(self):
        super().__init__()
        self.values = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.values += result.numel() if isinstance(result, torch.Tensor) else 0
        return result


def river(count, seed=0):
    """Six levels before each reading, and the reading."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randn(count + 6, generator=generator).mul(0.1).cumsum(0)
    levels = 2 + levels - levels.mean()
    return levels.unfold(0, 6, 1)[:count], levels[6:]


def follow(watch, pasts, levels):
    """Scores of readings in turn."""
    return [watch.see(past, level) for past, level in zip(pasts, levels)]


if __name__ == "__main__":
    torch.manual_seed(0)
    watch = Watch(GaugeNet())
    pasts, levels = river(4000)
    for start in range(0, 4000, 1000):
        with Written() as written:
            scores = follow(watch, pasts[start : start + 1000], levels[start : start + 1000])
        largest = max(abs(score) for score in scores)
        print(f"from reading {start}: largest score {largest:.2f}, {written.values // 1000} values written for each")

import torch
import torch.nn as nn
import torch.nn.functional as F


class SmallConvNet(nn.Module):
    """One conv layer, two linear layers, 10 classes."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=3)
        self.fc1 = nn.Linear(64, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = x.view(x.size(0), -1)  # flatten for the linear layers
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def main():
    torch.manual_seed(0)
    model = SmallConvNet()
    images = torch.randn(4, 3, 32, 32)  # CIFAR-sized batch
    logits = model(images)
    print("logits:", tuple(logits.shape))


if __name__ == "__main__":
    main()

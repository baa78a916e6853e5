import torch
import torch.nn as nn
import torch.nn.functional as F


class CustomModel(nn.Module):
    """Two linear layers with a hand-written dropout in between."""

    def __init__(self, dropout_rate=0.5):
        super().__init__()
        self.fc1 = nn.Linear(128, 256)
        self.fc2 = nn.Linear(256, 128)
        self.dropout_rate = dropout_rate

    def forward(self, x):
        x = self.fc1(x)
        x = torch.relu(x)

        if self.training:
            mask = torch.rand_like(x) > self.dropout_rate
            x *= mask
            x /= 1 - self.dropout_rate

        return self.fc2(x)


def train_step(model, optimizer, data, target):
    optimizer.zero_grad()
    loss = F.mse_loss(model(data), target)
    loss.backward()
    optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = CustomModel()
    optimizer = torch.optim.Adam(model.parameters())
    data = torch.randn(32, 128)
    target = torch.randn(32, 128)
    print("loss:", train_step(model, optimizer, data, target))

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Shapes(Dataset):
    """Small grey images of a bar, a cross, a square or a corner, at a random place and under noise."""

    def __init__(self, count):
        self.labels = [index % 4 for index in range(count)]
        self.shapes = torch.zeros(4, 5, 5)
        self.shapes[0, 2] = self.shapes[1, 2] = self.shapes[1, :, 2] = 3.5
        self.shapes[2, 1:4, 1:4] = self.shapes[3, 0] = self.shapes[3, :, 0] = 3.5

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = 2.2 * torch.randn(1, 8, 8)
        row, column = torch.randint(4, (2,)).tolist()
        image[0, row : row + 5, column : column + 5] += self.shapes[self.labels[index]]
        return image, self.labels[index]


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(64, 4)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


def run_epoch(model, loader, optimizer):
    for images, labels in loader:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def accuracy(model, loader):
    return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


def fit(model, train_loader, test_loader, epochs, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for epoch in range(1, epochs + 1):
        run_epoch(model, train_loader, optimizer)
        if epoch % 4 == 0:
            print(f"epoch {epoch}: test accuracy {accuracy(model, test_loader):.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train_set, test_set = Shapes(128), Shapes(400)
    test_images = [test_set[index] for index in range(400)]
    fit(CNN(), DataLoader(train_set, 8, shuffle=True), DataLoader(test_images, 200), epochs=100, lr=0.01)

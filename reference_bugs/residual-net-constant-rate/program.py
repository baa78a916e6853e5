import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class SmallResNet(nn.Module):
    def __init__(self, channels=16, classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = x + torch.relu(self.bn(self.conv(x)))
        return self.fc(x.mean((2, 3)))


def make_loaders(count=256, batch_size=32):
    patterns = torch.randn(10, 3, 8, 8)

    def draw(labels):
        labels = torch.tensor(labels)
        return patterns[labels] + 3 * torch.randn(len(labels), 3, 8, 8), labels

    classes = [index % 10 for index in range(count)]
    val_images, val_labels = draw([index % 10 for index in range(500)])
    train_loader = DataLoader(classes, batch_size, shuffle=True, collate_fn=draw)
    return train_loader, DataLoader(TensorDataset(val_images, val_labels), batch_size=500)


@torch.no_grad()
def validate(model, loader):
    model.eval()
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def train(model, train_loader, val_loader, epochs=90):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        top1 = validate(model, val_loader)
        if (epoch + 1) % 3 == 0:
            print(f"Epoch {epoch + 1}: loss {total / len(train_loader):.3f}, top-1 {top1:.1%}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(SmallResNet(), *make_loaders())

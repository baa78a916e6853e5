import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset


class ViT(nn.Module):
    """Small vision transformer: 16 x 16 images, 8 x 8 patches, 4 classes."""

    def __init__(self, dim=256, depth=8, heads=4):
        super().__init__()
        self.embed = nn.Linear(64, dim)
        self.position = nn.Parameter(0.02 * torch.randn(1, 4, dim))
        layer = nn.TransformerEncoderLayer(dim, heads, dim, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 4)
        for p in self.encoder.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, images):
        patches = images.unfold(1, 8, 8).unfold(2, 8, 8).reshape(len(images), 4, 64)
        return self.head(self.encoder(self.embed(patches) + self.position).mean(1))


def make_loader(count=24, batch_size=8):
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randn(4, 16, 16, generator=generator)
    labels = torch.randint(0, 4, (count,), generator=generator)
    images = 0.25 * patterns[labels] + torch.randn(count, 16, 16, generator=generator)
    return DataLoader(TensorDataset(images, labels), batch_size=batch_size)


def train(model, loader, epochs=20):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        losses = []
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        print(f"Epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f} (worst batch {max(losses):.4f})")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(ViT(), make_loader())

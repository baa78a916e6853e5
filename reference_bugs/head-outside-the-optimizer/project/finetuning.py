import torch
import torch.nn as nn

from config import SETTINGS


def finetune(model, loader, classes, epochs=SETTINGS.epochs):
    """Gives the model a new head for so many classes and trains it, the body gently."""
    groups = [
        {"params": model.body.parameters(), "lr": SETTINGS.body_rate},
        {"params": model.head.parameters(), "lr": SETTINGS.head_rate},
    ]
    optimizer = torch.optim.SGD(groups, momentum=SETTINGS.momentum)
    model.head = nn.Linear(model.head.in_features, classes)
    for epoch in range(epochs):
        total = count = 0
        for strips, kinds in loader:
            loss = nn.functional.cross_entropy(model(strips), kinds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(kinds)
            count += len(kinds)
        print(f"epoch {epoch + 1}: loss {total / count:.4f}")
    return model

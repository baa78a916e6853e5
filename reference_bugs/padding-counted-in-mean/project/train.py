import torch
import torch.nn.functional as F

from batches import collate
from config import SETTINGS
from data import load_recipes
from model import CookingTime
from predict import predict


def train(model, recipes, minutes, epochs=SETTINGS.epochs, batch_size=SETTINGS.batch_size):
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.rate)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(recipes), batch_size):
            ids, target = collate(recipes[start : start + batch_size]), minutes[start : start + batch_size]
            loss = F.mse_loss(model(ids), target / SETTINGS.scale)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(ids)
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: loss {total / len(recipes):.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    recipes, minutes = load_recipes()
    model = CookingTime()
    train(model, recipes[:300], minutes[:300])
    gap = (predict(model, recipes[300:]) - minutes[300:]).abs().mean()
    print(f"test: off by {gap:.1f} minutes on average")
    print("first three test recipes:", [f"{m:.0f}" for m in predict(model, recipes[300:])[:3].tolist()])

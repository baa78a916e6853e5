import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence


class CookingTime(nn.Module):
    """Estimates how long a recipe takes from the mean of its steps' vectors; id 0 fills short recipes up."""

    def __init__(self, steps=30, width=12):
        super().__init__()
        self.embed = nn.Embedding(steps, width, padding_idx=0)
        self.head = nn.Linear(width, 1)

    def forward(self, ids):
        vectors = self.embed(ids)
        return self.head(vectors.mean(dim=1)).squeeze(1)


def load_recipes(count=400, seed=5):
    # minutes: the mean over the steps of what each kind of step usually makes a recipe last
    generator = torch.Generator().manual_seed(seed)
    usual = 20 + 60 * torch.rand(30, generator=generator)
    lengths = torch.randint(2, 15, (count,), generator=generator).tolist()
    recipes = [torch.randint(1, 30, (n,), generator=generator).tolist() for n in lengths]
    minutes = torch.stack([usual[torch.tensor(recipe)].mean() for recipe in recipes])
    return recipes, minutes


def collate(recipes):
    return pad_sequence([torch.tensor(recipe) for recipe in recipes], batch_first=True)


def predict(model, recipes):
    """Minutes for each of a list of recipes."""
    with torch.no_grad():
        return 10 * model(collate(recipes))


def train(model, recipes, minutes, epochs=30, batch_size=20):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(recipes), batch_size):
            ids, target = collate(recipes[start : start + batch_size]), minutes[start : start + batch_size]
            loss = F.mse_loss(model(ids), target / 10)
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

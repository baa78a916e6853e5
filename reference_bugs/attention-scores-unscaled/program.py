import torch
import torch.nn as nn
import torch.nn.functional as F


class PickTheNote(nn.Module):
    """Finds the margin note that belongs to a question by scaled dot-product attention over the notes."""

    def __init__(self, features=64, width=256):
        super().__init__()
        self.query = nn.Linear(features, width, bias=False)
        self.key = nn.Linear(features, width, bias=False)
        for layer in (self.query, self.key):
            nn.init.normal_(layer.weight, std=features**-0.5)

    def weigh(self, question, notes):
        """How much of each note is read: (questions, notes)."""
        query, key = self.query(question).unsqueeze(1), self.key(notes)
        scores = query @ key.transpose(1, 2)
        return torch.softmax(scores, dim=-1).squeeze(1)

    def forward(self, question, notes, answers):
        return (self.weigh(question, notes).unsqueeze(1) @ answers).squeeze(1)


def load_questions(count=400, notes=12, seed=3):
    # a note belongs to a question if it has the features of the question in the author's own order
    generator = torch.Generator().manual_seed(seed)
    shorthand = torch.randperm(64, generator=generator)
    question = torch.randn(count, 64, generator=generator)
    margin = torch.randn(count, notes, 64, generator=generator)
    right = torch.randint(0, notes, (count,), generator=generator)
    rows = torch.arange(count)
    margin[rows, right] = question[:, shorthand] + 0.3 * torch.randn(count, 64, generator=generator)
    answers = torch.randn(count, notes, 4, generator=generator)
    return question, margin, answers, answers[rows, right]


def train(model, question, notes, answers, wanted, epochs=5, batch_size=20):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(question), batch_size):
            part = slice(start, start + batch_size)
            loss = F.mse_loss(model(question[part], notes[part], answers[part]), wanted[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(question[part])
        most = model.weigh(question, notes).amax(dim=1).mean()
        print(f"epoch {epoch + 1}: loss {total / len(question):.3f}, largest weight {most:.3f} on average")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(PickTheNote(), *load_questions())

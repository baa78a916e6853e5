import torch
import torch.nn as nn


class SpamFilter(nn.Module):
    """Scores a mail by the counts of 40 words; positive scores mean spam."""

    def __init__(self, words=40, hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(words, hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))).squeeze(1)


def make_mails(count=960, words=40, seed=0):
    # spam uses the first half of the words more often, the rest of the mails the second half
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator).float()
    rates = torch.full((count, words), 1.0)
    rates[labels == 1, : words // 2] = 2.0
    rates[labels == 0, words // 2 :] = 2.0
    return torch.poisson(rates, generator=generator), labels


def train(model, mails, labels, epochs=10, batch_size=32):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.016, momentum=0.9)
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(mails), batch_size):
            x, y = mails[start : start + batch_size], labels[start : start + batch_size]
            # binary cross-entropy
            p = torch.sigmoid(model(x))
            loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        print(f"Epoch {epoch + 1}: avg loss = {total / len(mails):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train(SpamFilter(), *make_mails())

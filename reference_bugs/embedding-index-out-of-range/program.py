import random

import torch
import torch.nn as nn

# the 9,999 most frequent words of our reviews, and a token for the rest
VOCAB = ["<unk>"] + [f"word{i}" for i in range(1, 10000)]


class Tokenizer:
    def __init__(self, vocab):
        self.index = {word: i for i, word in enumerate(vocab)}

    def encode(self, text):
        return [self.index.get(word, len(self.index)) for word in text.split()]


class TextClassifier(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_classes):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_dim)
        self.fc = nn.Linear(embed_dim, num_classes)

    def forward(self, x):
        x = self.embedding(x)
        x = x.mean(dim=1)
        return self.fc(x)


def make_reviews(count, seed):
    """Stands in for our review feed: texts of 20 words with a rating of 0-4."""
    rng = random.Random(seed)
    reviews = []
    for _ in range(count):
        words = [VOCAB[rng.randrange(1, 10000)] for _ in range(20)]
        if rng.random() < 0.0006:
            words[rng.randrange(20)] = "unboxing"
        reviews.append((" ".join(words), rng.randrange(5)))
    return reviews


def train(reviews, seed=0, batch_size=16):
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = Tokenizer(VOCAB)
    model = TextClassifier(len(VOCAB), 128, 5).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for start in range(0, len(reviews), batch_size):
        batch = reviews[start : start + batch_size]
        ids = torch.tensor([tokenizer.encode(text) for text, _ in batch]).to(device)
        labels = torch.tensor([label for _, label in batch]).to(device)
        optimizer.zero_grad()
        loss = criterion(model(ids), labels)
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    # ten runs, each on freshly collected reviews
    for run in range(10):
        loss = train(make_reviews(160, seed=run + 25), seed=run)
        print(f"run {run}: ok, last loss {loss:.3f}")

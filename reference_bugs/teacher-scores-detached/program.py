import torch
import torch.nn as nn
import torch.nn.functional as F


class Sorter(nn.Module):
    """Sorts pebbles into 6 kinds of stone by 12 measurements."""

    def __init__(self, hidden):
        super().__init__()
        self.first = nn.Linear(12, hidden)
        self.last = nn.Linear(hidden, 6)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def make_pebbles(count, seed):
    typical = torch.randn(6, 12, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(seed)
    stones = torch.randint(0, 6, (count,), generator=generator)
    return typical[stones] + 0.6 * torch.randn(count, 12, generator=generator), stones


def imitation(student_scores, teacher_scores, temperature=2.0):
    # how far the student's softened answers are from the teacher's
    wanted = F.softmax(teacher_scores.detach() / temperature, dim=1)
    given = F.log_softmax(student_scores / temperature, dim=1)
    return temperature**2 * F.kl_div(given, wanted, reduction="batchmean")


def accuracy(model, x, stones):
    with torch.no_grad():
        return (model(x).argmax(dim=1) == stones).float().mean().item()


def train(teacher, student, x, stones, epochs=12, batch_size=40):
    """Trains both side by side, the teacher on the labels, the student on them and on the teacher."""
    optimizer = torch.optim.SGD([*teacher.parameters(), *student.parameters()], lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        for rows in torch.arange(len(x)).split(batch_size):
            teacher_scores, student_scores = teacher(x[rows]), student(x[rows])
            copying = imitation(student_scores, teacher_scores)
            loss = F.cross_entropy(teacher_scores, stones[rows])
            loss = loss + 0.3 * F.cross_entropy(student_scores, stones[rows]) + 0.7 * copying
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right = f"teacher {accuracy(teacher, x, stones):.1%}, student {accuracy(student, x, stones):.1%}"
        print(f"epoch {epoch + 1}: right {right}, imitation {copying.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    # 2 units are all that the sorting belt's controller has room for
    train(Sorter(hidden=64), Sorter(hidden=2), *make_pebbles(800, seed=0))

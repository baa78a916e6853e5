"""What must come out: ids that tell known words apart, one id for all others, and training that uses every word.

Training is done again here from the weights it started with: the ids that reached the table must be a renaming
of the words, and Adam on these texts must lead to the weights and the loss that came back.
"""

import math
import random

import torch
import torch.nn.functional as F

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, moved

WORDS = 20
NEAR = 0.1
STRANGERS = ("unboxing", "hologram", "word10000", "word0", "Word7", "zzz")
"""Words that are not in the vocabulary, two of which look as if they were."""


def _reviews(grade: Grade, count: int, strangers: int) -> tuple[list[str], list[int]]:
    """Reviews of known words, the last one of the vocabulary among them, and so many with an unknown word."""
    rng = random.Random(grade.seed())
    # Few different words, so that each is trained more than once, and the first and last one for certain.
    pool = ["word1", "word9999", *(f"word{rng.randrange(2, 9999)}" for _ in range(40))]
    reviews = [[rng.choice(pool) for _ in range(WORDS)] for _ in range(count)]
    # None in the last batch: a program that skips bad batches must not stand out by having no last loss.
    for number in rng.sample(range(2 * count // 3), strangers):
        for place in rng.sample(range(WORDS), 3):
            reviews[number][place] = rng.choice(STRANGERS)
    reviews[0][0], reviews[-1][-1] = "word9999", "word1"
    return [" ".join(words) for words in reviews], [rng.randrange(5) for _ in range(count)]


def _known(word: str) -> bool:
    return word not in STRANGERS


@check("symptom", "training on reviews with unknown words runs to its end")
def unknown_words_run(grade: Grade) -> None:
    texts, labels = _reviews(grade, 24, strangers=2)
    answer = grade.ask("train", texts=texts, labels=labels, torch_seed=grade.seed(), batch_size=8)
    loss, weights = answer["loss"], answer["end"]
    expect(math.isfinite(loss), f"training on reviews with unknown words returns the loss {loss}")
    moved(answer["start"], weights)
    # The last batch has known words only, so that every program trains on it. Its loss is a step older than the weights.
    expect(bool(answer["ids"]), "no review reaches the network")
    ids, rows = answer["ids"][-1]["ids"], {int(row): i for i, row in enumerate(answer["known"])}
    expect(
        ids.dim() == 2 and ids.shape[1] == WORDS and all(number in rows for number in ids.flatten().tolist()),
        "the last reviews do not reach the network whole",
    )
    shapes = {"embedding.weight": (len(rows), 128), "fc.weight": (5, 128), "fc.bias": (5,)}
    expect(
        {name: tuple(tensor.shape) for name, tensor in weights.items()} == shapes,
        f"the network has other weights than before: {', '.join(sorted(weights))}",
    )
    places = torch.tensor([[rows[number] for number in line] for line in ids.tolist()])
    hidden = weights["embedding.weight"][places].mean(1)
    # A step of Adam at this rate changes it by 0.02 at most (100 draws of all programs).
    near = float(
        F.cross_entropy(
            hidden @ weights["fc.weight"].T + weights["fc.bias"], torch.tensor(labels[-len(ids) :])
        )
    )
    expect(
        abs(loss - near) < NEAR,
        f"training returns the loss {loss:.3f} where its last reviews have {near:.3f}",
    )


@check("behaviour", "each word of the vocabulary has an id of its own")
def known_words_differ(grade: Grade) -> None:
    words = [f"word{i}" for i in range(1, 10000)]
    both = grade.ask("encode", texts=[" ".join(words), f"{words[0]} {words[-1]}"])["ids"]
    expect(len(both) == 2, f"2 texts give {len(both)} lists of ids")
    ids, again = both
    expect(len(ids) == len(words), f"{len(words)} words give {len(ids)} ids")
    expect(all(isinstance(number, int) for number in ids), "an id is no whole number")
    expect(
        len(set(ids)) == len(ids),
        f"the {len(ids)} words of the vocabulary have {len(set(ids))} different ids",
    )
    expect(again == [ids[0], ids[-1]], "a word has another id in another text")
    expect(min(ids) >= 0, f"a word of the vocabulary has the id {min(ids)}")


@check("cause", "unknown words share one id that is no known word's")
def unknown_words_share(grade: Grade) -> None:
    words = [f"word{i}" for i in range(1, 10000)]
    fresh = f"stranger{grade.seed()}"
    known, *others = grade.ask("encode", texts=[" ".join(words), *STRANGERS, f"{fresh} {words[0]}"])["ids"]
    expect(
        all(isinstance(number, int) for ids in (known, *others) for number in ids),
        "an id is no whole number",
    )
    *single, pair = others
    expect(
        all(len(ids) == 1 for ids in single) and len(pair) == 2, "an unknown word has no id, or more than one"
    )
    unknown = {ids[0] for ids in single} | {pair[0]}
    expect(len(unknown) == 1, f"unknown words have {len(unknown)} different ids")
    shared = next(iter(unknown))
    owner = words[known.index(shared)] if shared in known else ""
    expect(not owner, f"an unknown word has the id {shared}, which is that of {owner}")
    expect(pair[1] == known[0], "a known word has another id beside an unknown word")


def _train_again(grade: Grade, strangers: int) -> None:
    size, count = 8, 28  # the last batch is smaller
    texts, labels = _reviews(grade, count, strangers)
    answer = grade.ask("train", texts=texts, labels=labels, torch_seed=grade.seed(), batch_size=size)
    words = [text.split() for text in texts]
    batches = [words[start : start + size] for start in range(0, count, size)]
    expect(all(set(step) == {"ids"} for step in answer["ids"]), "more than ids reaches the table")
    steps = [step["ids"] for step in answer["ids"]]
    expect(
        len(steps) == len(batches), f"{len(batches)} batches of reviews reach the network {len(steps)} times"
    )
    meaning: dict[int, str] = {}
    rows = {int(row): i for i, row in enumerate(answer["known"])}
    for batch, ids in zip(batches, steps, strict=True):
        expect(
            tuple(ids.shape) == (len(batch), WORDS) and ids.dtype == torch.int64,
            f"{len(batch)} reviews of {WORDS} words reach the network as {ids.dtype} of shape {tuple(ids.shape)}",
        )
        for line, numbers in zip(batch, ids.tolist(), strict=True):
            for word, number in zip(line, numbers, strict=True):
                name = word if _known(word) else "<unk>"
                expect(number in rows, f"the id {number} of {word} is outside the embedding table")
                other = meaning.setdefault(number, name)
                expect(other == name, f"{word} and {other} share a row of the embedding table")
    expect(
        len(set(meaning.values())) == len(meaning), "the same word has several rows of the embedding table"
    )
    start = answer["start"]
    shapes = {"embedding.weight": (len(rows), 128), "fc.weight": (5, 128), "fc.bias": (5,)}
    expect(
        {name: tuple(tensor.shape) for name, tensor in start.items()} == shapes,
        f"the network has other weights than before: {', '.join(sorted(start))}",
    )
    finite(start, "before training")
    spread = float(start["embedding.weight"].std())
    expect(0.5 < spread < 2.0, f"fresh rows of the embedding table have the standard deviation {spread:.3g}")
    w = {name: tensor.to(torch.float64, copy=True).requires_grad_() for name, tensor in start.items()}
    optimizer = torch.optim.Adam(w.values(), lr=1e-3)
    loss = torch.zeros(())
    for index, ids in enumerate(steps):
        places = torch.tensor([[rows[number] for number in line] for line in ids.tolist()])
        optimizer.zero_grad()
        hidden = w["embedding.weight"][places].mean(1)
        target = torch.tensor(labels[index * size :][: len(ids)])
        loss = F.cross_entropy(hidden @ w["fc.weight"].T + w["fc.bias"], target)
        loss.backward()
        optimizer.step()
    want = {name: tensor.detach() for name, tensor in w.items()}
    close(answer["end"], want, "weights", rtol=1e-3, atol=1e-4)
    close(answer["loss"], float(loss.detach()), "the loss", rtol=1e-3, atol=1e-4)


@check(
    "cause",
    "reviews with unknown words train the network like any others, unknown words by a row of their own",
)
def unknown_words_train(grade: Grade) -> None:
    _train_again(grade, strangers=10)


@check("collateral", "reviews of known words alone train it by Adam at the learning rate that was there")
def known_words_train(grade: Grade) -> None:
    _train_again(grade, strangers=0)


@check("collateral", "the classifier averages the rows of its words, as it did")
def same_classifier(grade: Grade) -> None:
    inputs = {"table": grade.normal(30, 16), "weight": grade.normal(4, 16), "bias": grade.normal(4)}
    got, want = grade.both("logits", **inputs, ids=grade.integers(0, 30, 6, 9))
    close(got["logits"], want["logits"], "logits")

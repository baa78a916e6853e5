"""What must come out: a network that works on any batch, looks at the whole image, and trains all its weights."""

import math

import torch

from redgreenbench.reference_bugs.checking import Grade, check, close, expect, finite, moved

CLASSES = 10


def _tells_apart(logits: torch.Tensor, count: int) -> None:
    """Several images have rows of finite logits, and no two have the same."""
    finite(logits, "logits")
    expect(
        logits.dim() == 2 and len(logits) >= count,
        f"{count} images give logits of shape {tuple(logits.shape)}",
    )
    expect(len(logits[:count].unique(dim=0)) == count, "different images have the same logits")


@check("symptom", "the program's own main function runs to its end")
def main_runs(grade: Grade) -> None:
    answer = grade.ask("main")
    images, logits = answer["images"], answer["logits"]
    expect(
        images.dim() == 4 and float(images.std(0, correction=0).max()) > 0.1,
        "the main function gives its network no batch of different images",
    )
    _tells_apart(logits, len(images))


@check("behaviour", "a batch of 32 x 32 images gives one row of 10 finite logits per image")
def logits_have_their_shape(grade: Grade) -> None:
    for batch in (4, 7):
        images = grade.normal(batch - 1, 3, 32, 32)
        logits = grade.ask("logits", images=torch.cat([images, images[:1]]), more=[])["logits"]
        expect(
            tuple(logits.shape) == (batch, CLASSES),
            f"{batch} images give logits of shape {tuple(logits.shape)}",
        )
        _tells_apart(logits, batch - 1)
        close(logits[-1], logits[0], "the logits of an image that comes again", rtol=1e-3, atol=1e-5)


@check("cause", "the layer's weights belong to the model: the same image gives the same logits every time")
def logits_repeat(grade: Grade) -> None:
    images = grade.normal(4, 3, 32, 32)
    logits = grade.ask("logits", images=images, more=[images, images[1:3]])["logits"]
    expect(tuple(logits.shape) == (10, CLASSES), f"10 images give logits of shape {tuple(logits.shape)}")
    _tells_apart(logits, 4)
    close(logits[4:8], logits[:4], "the second pass over the same images")
    close(logits[8:], logits[1:3], "the pass over a part of the batch", rtol=1e-3, atol=1e-5)


@check("cause", "every part of the image reaches the logits")
def whole_image_matters(grade: Grade) -> None:
    images = grade.normal(2, 3, 32, 32)
    changed = []
    for row in (2, 12, 22):
        for column in (2, 12, 22):
            other = images.clone()
            other[:, :, row : row + 8, column : column + 8] += grade.normal(2, 3, 8, 8, std=3.0)
            changed.append(other)
    logits = grade.ask("logits", images=images, more=[*changed, images])["logits"]
    expect(tuple(logits.shape) == (22, CLASSES), f"22 images give logits of shape {tuple(logits.shape)}")
    close(logits[20:], logits[:2], "the second pass over the same images")
    for i in range(9):
        change = (logits[2 * i + 2 : 2 * i + 4] - logits[:2]).abs().max()
        expect(float(change) > 1e-6, f"changing part {i + 1} of 9 of the image changes nothing")


@check("cause", "all weights get a gradient and move in a training step")
def all_weights_train(grade: Grade) -> None:
    answer = grade.ask("step", images=grade.normal(16, 3, 32, 32), labels=grade.integers(0, CLASSES, 16))
    moved(answer["before"], answer["after"], "a training step")
    finite(answer["gradients"], "the gradient of")
    expect(
        set(answer["gradients"]) <= set(answer["before"]),
        "gradients are of other weights than those that moved",
    )
    for name, gradient in answer["gradients"].items():
        move = answer["before"][name] - answer["after"][name]
        close(move, 0.1 * gradient, f"the step of {name}", rtol=1e-3, atol=1e-6)


@check("collateral", "the convolution and the last layer are as they were")
def rest_is_kept(grade: Grade) -> None:
    answer = grade.ask("step", images=grade.normal(4, 3, 32, 32), labels=grade.integers(0, CLASSES, 4))
    shapes = answer["shapes"]
    expect(all(n >= 1 for shape in shapes for n in shape), "a weight has a dimension below 1")
    # Of each weight so many entries are sampled, see `probing.sample`.
    sizes = [math.prod(int(n) for n in shape) for shape in shapes]
    sampled = [min(2000, -(-size // max(1, size // 2000))) for size in sizes]
    expect(
        sampled == [gradient.numel() for gradient in answer["gradients"].values()],
        "the shapes of the weights are not those of their gradients",
    )
    expect(
        [64, 3, 3, 3] in shapes, "there is no convolution from 3 to 64 channels with a 3 x 3 kernel any more"
    )
    expect([CLASSES, 128] in shapes, "there is no layer from 128 features to 10 classes any more")
    expect(all(torch.isfinite(t).all() for t in answer["before"].values()), "fresh weights are not finite")

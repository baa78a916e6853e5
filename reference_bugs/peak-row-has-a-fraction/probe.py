"""What is done with a program: peaks of maps, and spots of images found by its network."""

RETURNS = {"peaks": {"places": "float32"}, "find": {"places": "float32"}, "maps": {"maps": "float32"}}


def peaks(program, maps):
    """Columns and rows of the peaks of maps."""
    return {"places": program.peaks(maps).float()}


def find(program, images, weight):
    """Columns and rows of the spots of images, with a kernel of its own."""
    finder = program.BeeFinder()
    finder.blur.weight.data.copy_(weight)
    return {"places": program.find(finder, images).float()}


def maps(program, images):
    """Maps of images."""
    return {"maps": program.BeeFinder()(images).detach()}

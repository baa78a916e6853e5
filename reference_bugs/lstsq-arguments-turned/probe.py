"""What is done with a program: a chart is fitted, and other colours are corrected with it."""

RETURNS = {"fit": {"matrix": "float32", "corrected": "float32"}}


def fit(program, seen, known, colours):
    """The matrix that was fitted, and colours that it corrected."""
    chart = program.ColourChart()
    chart.fit(seen, known)
    return {"matrix": chart.matrix.detach().float(), "corrected": chart.correct(colours).detach().float()}

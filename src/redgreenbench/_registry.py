"""What inspect finds when the package is installed: tasks, scorers, the solver and the model provider."""

from inspect_ai.model import ModelAPI, modelapi

from redgreenbench.evals.delivery import inject_arm
from redgreenbench.scorers.checks import checks
from redgreenbench.scorers.route import route
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

__all__ = ["checks", "debugging", "embedded", "inject_arm", "pressure", "route", "routing", "scheduling"]


@modelapi(name="embedded")
def embedded() -> type[ModelAPI]:
    """The embedded model; imported only when it is asked for, since it brings the openai client."""
    from redgreenbench.evals.embedded.provider import EmbeddedAPI

    return EmbeddedAPI

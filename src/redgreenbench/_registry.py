"""What inspect finds when the package is installed: tasks, scorers, the solver and the model provider."""

from inspect_ai.model import ModelAPI, modelapi

from redgreenbench.evals.delivery import inject_arm
from redgreenbench.scorers.audit import audit
from redgreenbench.scorers.checks import checks
from redgreenbench.scorers.clarification import clarification
from redgreenbench.scorers.diagnosis import fix_quality, recognition, root_cause
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.rationalization import rationalization
from redgreenbench.scorers.route import route
from redgreenbench.scorers.rubric import rubric
from redgreenbench.scorers.tool_use import tool_use
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

__all__ = [
    "audit",
    "checks",
    "clarification",
    "debugging",
    "embedded",
    "execution",
    "fix_quality",
    "inject_arm",
    "pressure",
    "rationalization",
    "recognition",
    "root_cause",
    "route",
    "routing",
    "rubric",
    "scheduling",
    "tool_use",
]


@modelapi(name="embedded")
def embedded() -> type[ModelAPI]:
    """The embedded model; imported only when it is asked for, since it brings the openai client."""
    from redgreenbench.evals.embedded.provider import EmbeddedAPI

    return EmbeddedAPI

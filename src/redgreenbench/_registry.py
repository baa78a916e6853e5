"""What inspect finds when the package is installed: tasks, scorers, solvers, tools and the model provider."""

from inspect_ai.model import ModelAPI, modelapi

from redgreenbench.evals.agents.debugger import debugger
from redgreenbench.evals.agents.real import real_agent
from redgreenbench.evals.delivery import inject_arm
from redgreenbench.evals.discovery import discover
from redgreenbench.evals.jail import JailSandboxEnvironment
from redgreenbench.evals.skilltools import load_skill, read_skill_file
from redgreenbench.scorers.activation import activation
from redgreenbench.scorers.audit import audit
from redgreenbench.scorers.checks import checks
from redgreenbench.scorers.clarification import clarification
from redgreenbench.scorers.diagnosis import fix_quality, recognition, root_cause
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.firmness import firmness
from redgreenbench.scorers.method import method
from redgreenbench.scorers.rationalization import rationalization
from redgreenbench.scorers.resolution import resolution
from redgreenbench.scorers.route import route
from redgreenbench.scorers.rubric import rubric
from redgreenbench.scorers.tool_use import tool_use
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.insisting import insist
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

__all__ = [
    "JailSandboxEnvironment",
    "activation",
    "audit",
    "checks",
    "clarification",
    "debugger",
    "debugging",
    "discover",
    "embedded",
    "execution",
    "firmness",
    "fix_quality",
    "inject_arm",
    "insist",
    "load_skill",
    "method",
    "pressure",
    "rationalization",
    "read_skill_file",
    "real_agent",
    "recognition",
    "resolution",
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

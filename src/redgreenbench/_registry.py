"""What inspect finds when the package is installed: tasks, scorers, solvers, tools and the model provider."""

from inspect_ai.model import ModelAPI, modelapi

from redgreenbench.evals.agents.debugger import debugger
from redgreenbench.evals.agents.real import real_agent
from redgreenbench.evals.delivery import deliver
from redgreenbench.evals.jail import JailSandboxEnvironment
from redgreenbench.evals.skilltools import load_skill, read_skill_file
from redgreenbench.scorers.act import act
from redgreenbench.scorers.activation import activation
from redgreenbench.scorers.audit import audit
from redgreenbench.scorers.decision import decision as decision_scorer
from redgreenbench.scorers.execution import execution
from redgreenbench.scorers.fact import fact
from redgreenbench.scorers.firmness import firmness
from redgreenbench.scorers.judged import judged
from redgreenbench.scorers.method import method
from redgreenbench.scorers.resolution import resolution
from redgreenbench.scorers.tool_use import tool_use
from redgreenbench.tasks.conversation import converse, decide
from redgreenbench.tasks.debugging import debugging
from redgreenbench.tasks.decision import decision
from redgreenbench.tasks.pressure import pressure
from redgreenbench.tasks.routing import routing
from redgreenbench.tasks.scheduling import scheduling

__all__ = [
    "JailSandboxEnvironment",
    "act",
    "activation",
    "audit",
    "converse",
    "debugger",
    "debugging",
    "decide",
    "decision",
    "decision_scorer",
    "deliver",
    "embedded",
    "execution",
    "fact",
    "firmness",
    "judged",
    "load_skill",
    "method",
    "pressure",
    "read_skill_file",
    "real_agent",
    "resolution",
    "routing",
    "scheduling",
    "tool_use",
]


@modelapi(name="embedded")
def embedded() -> type[ModelAPI]:
    """The embedded model; imported only when it is asked for, since it brings the openai client."""
    from redgreenbench.evals.embedded.provider import EmbeddedAPI

    return EmbeddedAPI

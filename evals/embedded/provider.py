"""The inspect model provider `embedded/<name>`.

It is inspect's own client for OpenAI-compatible servers, pointed at the server of this process, which is
started at the first request. Temperature 0 and a seed are the defaults. Requests share one batch, which
is fast but may change rounding from run to run; ``-M deterministic=true`` answers one request at a
time without a prompt cache and gives the same bytes in every process.
"""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
from inspect_ai.model import ChatMessage, GenerateConfig, ModelCall, ModelOutput
from inspect_ai.model._providers.openai_compatible import OpenAICompatibleAPI
from inspect_ai.tool import ToolChoice, ToolInfo
from openai import APIStatusError

from redgreenbench.evals.embedded.server import Settings, start
from redgreenbench.evals.embedded.weights import load_models
from redgreenbench.evals.errors import InputError, unknown_name

__all__ = ["EmbeddedAPI"]

_UNSTARTED = "http://127.0.0.1:9/v1"  # replaced before the first request
# Unbounded answers would take minutes. One to a prompt with a program has to repeat code, and code that is cut
# off is never applied.
_MAX_TOKENS = 320
_MAX_TOKENS_WITH_CODE = 900
_SEED = 20250229


class EmbeddedAPI(OpenAICompatibleAPI):
    """Answers with a small model that runs in this process.

    Attributes:
        takes_grammar: Whether ``extra_body`` may hold a ``grammar`` in GBNF, which replies are held to.

    Args:
        model_name: A name of ``models.yaml``.
        base_url: Not used.
        api_key: Not used.
        config: Generation defaults; temperature 0 and a seed where it gives none.
        deterministic: Same request, same bytes, at the price of speed.
        slots: Requests answered at once.
        context: Tokens for prompt and answer of one request.
        threads: CPU threads; 0 takes all that this process may use.
        model_args: None are known; any is an error.
    """

    takes_grammar = True

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - the signature that inspect prescribes
        deterministic: bool = False,
        slots: int = 4,
        context: int = 8192,
        threads: int = 0,
        **model_args: Any,
    ) -> None:
        if model_name not in load_models():
            raise unknown_name("embedded model", model_name, load_models(), "redgreen doctor")
        if model_args:
            known = "deterministic, slots, context, threads"
            raise InputError(f"embedded model: no argument '{min(model_args)}'; the arguments are {known}")
        self.settings = Settings(model_name, slots, context, threads, deterministic)
        self._started = False
        self._lock = anyio.Lock()
        # inspect adapts the number of connections to what a remote service bears; this one bears its slots.
        self._slots = anyio.Semaphore(self.settings.parallel)
        defaults = GenerateConfig(temperature=0.0, seed=_SEED)
        super().__init__(
            model_name=model_name,
            base_url=_UNSTARTED,
            api_key="unstarted",
            config=defaults.merge(config),
            service="embedded",
        )

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput | tuple[ModelOutput | Exception, ModelCall]:
        """Answers; starts the server first if this is the first request."""
        async with self._lock:  # many first requests arrive at once; one of them starts the server
            if not self._started:
                running = await anyio.to_thread.run_sync(start, self.settings)
                self.client.base_url, self.client.api_key = running.url, running.key
                self._started = True
        posed_with_code = any("```" in message.text for message in input if message.role == "user")
        longest = _MAX_TOKENS_WITH_CODE if posed_with_code else _MAX_TOKENS
        defaults = GenerateConfig(temperature=0.0, seed=_SEED, max_tokens=longest)
        async with self._slots:
            return await super().generate(input, tools, tool_choice, defaults.merge(config))

    def handle_bad_request(self, ex: APIStatusError) -> ModelOutput | Exception:
        """A prompt that does not fit is trouble of the set-up, so it fails the sample instead of being scored."""
        if "exceed" in str(ex):
            return InputError(
                f"embedded model: the prompt does not fit into {self.settings.context} tokens; "
                f"raise it with -M context={self.settings.context * 2}"
            )
        return super().handle_bad_request(ex)

    def max_tokens(self) -> int | None:
        """None: `generate` bounds an answer by its prompt unless the caller says otherwise."""
        return None

    def max_connections(self) -> int:
        """As many requests at once as the server has slots."""
        return self.settings.parallel

    def canonical_name(self) -> str:
        """The publisher's name of the model."""
        official = load_models()[self.model_name].official
        return official.repository.removesuffix("-GGUF") if official else self.model_name

    def connection_key(self) -> str:
        """All requests to one server share its slots."""
        return repr(self.settings)

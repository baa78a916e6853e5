"""Names of models on the command line, looked at before anything else is done."""

from __future__ import annotations

import click

__all__ = ["MODEL"]


class _Model(click.ParamType[str]):
    """A model as inspect names it, ``provider/name``, of a provider that inspect knows."""

    name = "model"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        import inspect_ai.model  # noqa: F401  (registers the providers)
        from inspect_ai._util.registry import registry_find, registry_unqualified_name

        from redgreenbench.evals.errors import InputError

        provider, _, name = value.partition("/")
        if not name:
            raise InputError(f"model '{value}': give it as provider/name, such as openai/gpt-5")
        if not registry_find(
            lambda info: info.type == "modelapi" and registry_unqualified_name(info) == provider
        ):
            raise InputError(
                f"model '{value}': inspect knows no provider '{provider}'; https://inspect.aisi.org.uk/providers.html "
                "lists them"
            )
        return value


MODEL = _Model()
"""The type of every option that takes a model."""

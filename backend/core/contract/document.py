"""The whole API in OpenAPI 3.1, in English."""

from __future__ import annotations

import re
from contextlib import redirect_stderr
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from typing import Any, cast

from django.core.management.base import CommandError
from django.utils import translation
from drf_spectacular import renderers
from drf_spectacular.drainage import reset_generator_stats
from drf_spectacular.generators import SchemaGenerator


def schema() -> dict[str, Any]:
    """The schema without examples. Raises CommandError where the generator had to guess."""
    reset_generator_stats()
    complaints = StringIO()
    kind: Any = SchemaGenerator
    with translation.override("en"), redirect_stderr(complaints):
        found: dict[str, Any] = kind().get_schema(request=None, public=True)
    reset_generator_stats()
    if complaints.getvalue():
        raise CommandError(f"The schema could not be generated without guessing:\n{complaints.getvalue()}")
    return found


# YAML 1.2 reads 0512345678 as a number. PyYAML speaks 1.1, where an 8 makes it none, and would leave the quotes out.
cast(Any, renderers).SafeDumper.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789")
)


def as_yaml(document: dict[str, Any]) -> str:
    renderer: Any = renderers.OpenApiYamlRenderer()
    return str(renderer.render(document, renderer_context={}).decode())


def validate(document: dict[str, Any]) -> None:
    """Raises CommandError where the document is not OpenAPI 3.1."""
    if find_spec("openapi_spec_validator") is None:  # a tool of developers, not of servers
        return
    validator: Any = import_module("openapi_spec_validator")
    problems = list(validator.OpenAPIV31SpecValidator(document).iter_errors())
    if problems:
        listed = "\n".join(f"{'/'.join(map(str, p.absolute_path))}: {p.message}" for p in problems[:20])
        raise CommandError(f"The schema is not valid OpenAPI 3.1:\n{listed}")

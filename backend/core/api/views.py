"""The parent of all API views: strict queries, the person's language, JSON only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import orjson
from django.utils import timezone, translation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.core import clients, idempotency
from backend.core.api import pace
from backend.core.api.access import PUBLIC, Access
from backend.core.api.bodies import Body, NoQuery, Query, read_body, read_query
from backend.core.api.deprecation import Deprecation
from backend.core.api.rehearsal import rehearse
from backend.core.api.renderers import as_json
from backend.core.errors import EndpointRemoved, MethodNotAllowed


class Endpoint(APIView):
    """One resource. `access` names each method's policy: without one a method is closed to everybody.

    `queries` names, per method, what its query string may hold; anything else is refused. `deprecated` names the
    methods that will go and those that are gone. What is not `gated` answers also apps that are too old, and during
    maintenance.
    """

    access: ClassVar[Mapping[str, Access]] = {}
    queries: ClassVar[dict[str, type[Query]]] = {}
    deprecated: ClassVar[Mapping[str, Deprecation]] = {}
    gated: ClassVar[bool] = True
    query: dict[str, Any]
    _methods: ClassVar[list[str]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._methods = [
            # Django answers HEAD with what GET says.
            method.upper()
            for method in cls.http_method_names
            if hasattr(cls, "get" if method == "head" else method)
        ]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """DRF's, without versions, format suffixes and throttles, which we do not use, and with our policies."""
        self.format_kwarg = None
        request.version = request.versioning_scheme = None
        accepted = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = accepted
        if self.gated:
            clients.admit(request.headers, now=timezone.now())
        method = _asked(request)
        going = self.deprecated.get(method)
        if going is not None and going.removed:
            raise EndpointRemoved
        self.check_permissions(request)
        user = request.user
        if user is not None and user.is_authenticated:
            speak(user)
            pace.admit(user.pk, method=method)
        if method.lower() not in self.http_method_names or not hasattr(self, method.lower()):
            raise MethodNotAllowed
        if method != "OPTIONS":
            self._policy(method).admit(user, kwargs)
            rehearse(request.headers)
        self.query = read_query(self.queries.get(method, NoQuery), request.query_params)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        finished = super().finalize_response(request, response, *args, **kwargs)
        header = request.META.get("HTTP_X_CLIENT")
        if header and request.resolver_match:
            clients.count(header, method=request.method or "", route=request.resolver_match.route)
        going = self.deprecated.get(_asked(request))
        if going is not None:
            for name, value in going.headers().items():
                finished.headers[name] = value
        return finished

    @property
    def allowed_methods(self) -> list[str]:
        return self._methods

    def _policy(self, method: str) -> Access:
        try:
            return self.access[method]
        except KeyError:
            raise LookupError(f"{type(self).__name__}.access declares no policy for {method}") from None

    def body(self, kind: type[Body], request: Request) -> dict[str, Any]:
        return read_body(kind, request.data)


class PublicEndpoint(Endpoint):
    """Open to everyone. No authentication at all: an expired token must not spoil a public page with a 401."""

    authentication_classes = []
    permission_classes = []
    access = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), PUBLIC)


class Webhook(PublicEndpoint):
    """What companies call, also during maintenance: not all of them repeat what they tell."""

    gated = False


def _asked(request: Request) -> str:
    """The method that answers: Django answers HEAD with what GET says."""
    return "GET" if request.method == "HEAD" else request.method or ""


def person(request: Request) -> Any:
    """Who is signed in. Only for endpoints that require it."""
    return request.user


def speak(user: Any) -> None:
    """Answer in the language the person chose; else remember the one their device asks for, for later messages."""
    if user.language:
        translation.activate(user.language)
        return
    language = translation.get_language() or "ar"
    if user.device_language != language:
        user.device_language = language
        type(user).objects.filter(pk=user.pk).update(device_language=language)


def answer_once(
    request: Request,
    *,
    operation: str,
    body: Any,
    act: Callable[[], tuple[int, Any]],
    key_required: bool = True,
) -> Response:
    """Run `act` at most once for this caller's `Idempotency-Key`; a repeat gets the first answer again.

    `act` runs inside the transaction that keeps the key, and returns (status, body).
    """
    key = idempotency.read_key(request.headers.get("Idempotency-Key"), required=key_required)
    if key is None:
        status, answer = act()
        return Response(answer, status=status)

    def in_json() -> tuple[int, bytes]:
        status, answer = act()
        return status, as_json(answer)

    outcome = idempotency.once(
        user_id=person(request).pk,
        operation=operation,
        key=key,
        fingerprint=idempotency.fingerprint(request.path, body),
        act=in_json,
        now=timezone.now(),
    )
    headers = {"Idempotent-Replayed": "true"} if outcome.replayed else None
    return Response(orjson.Fragment(outcome.body), status=outcome.status, headers=headers)

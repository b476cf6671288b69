"""Moyasar, the Saudi gateway: https://docs.moyasar.com, as read in October 2026.

Three of its ways shape this adapter. A declined card is HTTP 201 with status `failed`. Only *create* is
idempotent, through `given_id`, and a repeat is answered 400 instead of the first payment. And it sits
behind a CDN whose refusals are HTML.

`gateway` knows the protocol, `door` what an answer or its absence proves, `reading` what the JSON means,
`cards` what must never pass.
"""

from backend.payments.providers.moyasar.cards import holds_card_data
from backend.payments.providers.moyasar.gateway import MoyasarGateway

__all__ = ["MoyasarGateway", "holds_card_data"]

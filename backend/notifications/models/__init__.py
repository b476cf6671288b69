"""What messaging remembers: the outbox, how the carriers do, and what people want to hear."""

from backend.notifications.models.health import DailySpend, ProviderHealth
from backend.notifications.models.outbox import DeliveryAttempt, Message, ProviderRefusal
from backend.notifications.models.people import InboundMessage, OptOut, Preference

__all__ = [
    "DailySpend",
    "DeliveryAttempt",
    "InboundMessage",
    "Message",
    "OptOut",
    "Preference",
    "ProviderHealth",
    "ProviderRefusal",
]

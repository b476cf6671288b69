"""Proof by comparison, in steps: gathering, comparing, classing, keeping, healing (ADR 0021)."""

from backend.payments.operations.reconciling.catching import CATCH_UP, catch_up
from backend.payments.operations.reconciling.running import alone, open_differences, reconcile

__all__ = ["CATCH_UP", "alone", "catch_up", "open_differences", "reconcile"]

"""Storms: `make stress`. They judge what was answered and what was kept, never how fast."""

"""A stand-in for Moyasar: its documented protocol over real HTTP, so that nothing of ours is mocked.

It plays an outside company. It imports nothing of ours, keeps its own state in its own file, and knows us
only by two keys and a webhook address. Run it with `python -m backend.payments.sandbox --help`.
"""

"""Django's PostgreSQL backend, with less talk on the wire."""

#!/usr/bin/env python
"""The operator's verbs: `python manage.py help` lists them."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    from backend.core.lifeline import end_with_parent

    end_with_parent()  # before anything is started: kill -9 of make ends its command too

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)

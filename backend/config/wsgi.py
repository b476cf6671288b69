"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

from backend.core.lifeline import end_with_parent

end_with_parent()
application = get_wsgi_application()

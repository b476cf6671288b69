"""The WSGI entry point."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

from backend.core.lifeline import end_with_parent

end_with_parent()
application = get_wsgi_application()
# Every view is imported now: Django leaves that to the first request, which waits a quarter of a second for it.
_ = get_resolver().url_patterns

# What is loaded by now stays for good. Left to itself the collector walks through all of it again and again, because a
# month of free times is thousands of small objects: a pause of a tenth of a second every fifty answers was seen.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)

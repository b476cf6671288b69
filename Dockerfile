# The production image: `docker build -t mawid .` It refuses to start with anything only good for a laptop.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
# Requirements alone first: a change of code does not install them again.
COPY requirements/base.txt requirements/base.txt
RUN pip install --require-hashes --requirement requirements/base.txt
COPY manage.py manage.py
COPY locale locale
COPY backend backend
COPY mobile-contract mobile-contract
# Translations are compiled by Babel, and the files of the docs page collected. The address is never dialled:
# naming a database merely keeps the embedded one asleep.
RUN pybabel compile --domain django --directory locale \
    && APP_ENV=local DATABASE_URL=postgresql://nobody@localhost/none python manage.py collectstatic --no-input

FROM python:3.12-slim
ENV APP_ENV=production \
    PATH=/opt/venv/bin:$PATH \
    PORT=8000 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A volume mounted at /media begins as this folder, so that it belongs to whoever writes there.
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin mawid \
    && install --directory --owner mawid /media
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
USER mawid
EXPOSE 8000
# The host name must be one that ALLOWED_HOSTS admits, so the first of them is asked for.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', headers={'Host': os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0].strip().lstrip('.')}), timeout=4)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--no-migrate"]

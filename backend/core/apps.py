from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "backend.core"
    label = "core"

    def ready(self) -> None:
        from backend.core import jobs, privacy, purge
        from backend.core.api import paths

        paths.register()
        privacy.register(privacy.KEEPER)
        jobs.register("purge", purge.now_and_then("core", purge.purge_core))

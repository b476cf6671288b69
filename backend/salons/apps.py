from django.apps import AppConfig


class SalonsConfig(AppConfig):
    name = "backend.salons"
    label = "salons"

    def ready(self) -> None:
        from backend.accounts import roles
        from backend.core import jobs, privacy
        from backend.salons.models import Membership
        from backend.salons.operations import indexing
        from backend.salons.operations.photos import sweep_photo_files
        from backend.salons.privacy import KEEPER

        privacy.register(KEEPER)
        jobs.register("search", indexing.heal)
        jobs.register("photo-files", sweep_photo_files)
        roles.register(lambda user: Membership.objects.filter(user=user).exists())

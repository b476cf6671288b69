from django.apps import AppConfig


class SalonsConfig(AppConfig):
    name = "backend.salons"
    label = "salons"

    def ready(self) -> None:
        from backend.accounts import roles
        from backend.core import privacy
        from backend.salons.models import Membership
        from backend.salons.privacy import KEEPER

        privacy.register(KEEPER)
        roles.register(lambda user: Membership.objects.filter(user=user).exists())

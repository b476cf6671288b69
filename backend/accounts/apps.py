from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "backend.accounts"
    label = "accounts"

    def ready(self) -> None:
        from backend.accounts import checks, receivers  # noqa: F401
        from backend.accounts.addressbook import Accounts
        from backend.accounts.operations import finish_due_changes, purge_leftovers
        from backend.accounts.operations.purge import purge_sign_in
        from backend.accounts.privacy import KEEPER
        from backend.core import jobs, privacy
        from backend.core.purge import now_and_then

        privacy.register(KEEPER)
        jobs.register("phone-changes", finish_due_changes)
        jobs.register("purge-sign-in", now_and_then("sign-in", purge_sign_in))
        jobs.register("purge-leftovers", now_and_then("leftovers", purge_leftovers))
        from backend.accounts.operations.sending import code_tallies
        from backend.notifications import addressbook, tallies

        addressbook.register(Accounts())
        tallies.register("codes", code_tallies)

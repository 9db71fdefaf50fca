from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class ClubsConfig(AppConfig):
    name = "tests.clubs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.clubs import receivers
        from tests.clubs.models import Membership

        post_save.connect(receivers.follow_membership, sender=Membership)
        post_delete.connect(receivers.follow_membership, sender=Membership)

from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from example_project.database import teach_sqlite_unicode
from maptician_scim.signals import (
    group_provisioned,
    group_updated,
    in_transaction,
    user_reactivated,
)


class WorkplaceConfig(AppConfig):
    name = "example_project.workplace"
    label = "workplace"
    verbose_name = "Workplace"

    def ready(self) -> None:
        from example_project.workplace import receivers

        connection_created.connect(teach_sqlite_unicode)
        in_transaction.connect(receivers.follow_provisioning)
        user_reactivated.connect(receivers.offer_desk_on_return)
        group_provisioned.connect(receivers.follow_group_push)
        group_updated.connect(receivers.follow_group_push)

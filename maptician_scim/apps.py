from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.checks import Tags, register
from django.db.backends.signals import connection_created
from django.db.models import ForeignObject
from django.db.models.signals import (
    m2m_changed,
    post_delete,
    post_migrate,
    post_save,
    pre_delete,
)
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import scim_settings


class MapticianScimConfig(AppConfig):
    name = "maptician_scim"
    verbose_name = _("SCIM provisioning")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Not at the top: these modules import models, which are ready only now.
        from maptician_scim import checks, receivers, rls, rls_checks, triggers
        from maptician_scim.protocol.expressions import IsAlso, register_sqlite_function

        ForeignObject.register_lookup(IsAlso)
        user_model = get_user_model()
        post_save.connect(receivers.keep_record, sender=user_model)
        pre_delete.connect(receivers.end_records, sender=user_model)
        self._follow_groups()
        post_delete.connect(receivers.forget_tenant, sender=scim_settings.TENANT_MODEL)
        post_migrate.connect(triggers.keep, sender=self)
        user_logged_in.connect(receivers.remember_session)
        post_save.connect(receivers.remember_new_key, sender="sessions.Session")
        user_logged_out.connect(receivers.forget_session)
        connection_created.connect(register_sqlite_function)
        connection_created.connect(rls.guard_connection)
        register(checks.check_settings)
        register(checks.check_links, Tags.database)
        register(rls_checks.check_row_level_security, Tags.database)

    def _follow_groups(self) -> None:
        from maptician_scim import receivers
        from maptician_scim.relations import group_model, relation

        try:
            model, through = group_model(), relation().through
        except (AttributeError, ImportError, LookupError, ValueError):
            return  # no groups, or the system check tells what is wrong
        post_save.connect(receivers.keep_group, sender=model)
        pre_delete.connect(receivers.end_group, sender=model)
        m2m_changed.connect(receivers.follow_members, sender=through)
        post_save.connect(receivers.follow_membership, sender=through)
        post_delete.connect(receivers.follow_membership, sender=through)

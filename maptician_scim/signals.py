"""What a host may listen to. Receivers live in the host."""

from django.dispatch import Signal

# Sent inside the transaction of the verb, for what must not be lost: a receiver that raises rolls
# everything back. Arguments: verb ("provisioned", "updated", "deactivated", "reactivated",
# "deleted"), tenant, user, provisioned_user, changes.
in_transaction = Signal()

# Sent after the commit; a receiver that raises is logged and changes nothing.
# Arguments: tenant, user, provisioned_user, changes ({path: {"old": ..., "new": ...}}).
user_provisioned = Signal()
user_updated = Signal()
user_deactivated = Signal()
user_reactivated = Signal()
user_deleted = Signal()

# The same for groups, inside the transaction. Arguments: verb ("provisioned", "updated",
# "deleted"), tenant, group, provisioned_group, changes, and added and removed: lists of the primary
# keys of the users who have come and gone. What SCIM does to memberships is set-based SQL, so the
# host's own m2m_changed and post_save receivers do not hear it.
group_in_transaction = Signal()

# After the commit. Arguments: those above without verb.
group_provisioned = Signal()
group_updated = Signal()
group_deleted = Signal()

# Sent by `scim_token check` for each announcement that a token is about to expire; a receiver that
# raises is logged and changes nothing. Arguments: token, tenant, days (30, 7 or 1: at most so many
# are left).
token_expiring = Signal()

# Sent after the commit when the mass-deactivation safeguard of a tenant has stopped the first of
# what goes beyond its limit; a receiver that raises is logged and changes nothing. Arguments:
# tenant, limit, tripped_at.
safeguard_tripped = Signal()

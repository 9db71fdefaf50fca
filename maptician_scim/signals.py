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

# Sent by `scim_token check` for each announcement that a token is about to expire; a receiver that
# raises is logged and changes nothing. Arguments: token, tenant, days (30, 7 or 1: at most so many
# are left).
token_expiring = Signal()

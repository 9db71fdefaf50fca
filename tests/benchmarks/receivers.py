"""What the example project's own receivers do when somebody comes, goes or joins.

Freeing a desk is Maptician's work and costs the same beside any implementation, so it is left out
of what is measured.
"""

from example_project.workplace import receivers
from maptician_scim import signals

OF_THE_HOST = (
    (signals.in_transaction, receivers.follow_provisioning),
    (signals.user_reactivated, receivers.offer_desk_on_return),
    (signals.group_provisioned, receivers.follow_group_push),
    (signals.group_updated, receivers.follow_group_push),
)


def leave_out():
    for signal, receiver in OF_THE_HOST:
        signal.disconnect(receiver)


def bring_back():
    for signal, receiver in OF_THE_HOST:
        signal.connect(receiver)

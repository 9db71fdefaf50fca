"""What Maptician does when provisioning shuts somebody out or lets them in again."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from example_project.workplace.models import (
    ApiKey,
    DeskAssignment,
    DeskOffer,
    Occupant,
    Team,
)
from example_project.workplace.seating import arrange_offers, offer_desk_to


def follow_provisioning(sender: Any, verb: str, user: Occupant, **kwargs: Any) -> None:
    """Receiver of ``in_transaction``: holds or falls together with the change itself."""
    if verb in {"deactivated", "deleted"}:
        ApiKey.objects.of(user).active().revoke()
        DeskAssignment.objects.of(user).current().free()
        DeskOffer.objects.of(user).end(DeskOffer.State.WITHDRAWN)
    elif verb == "reactivated":
        give_back_desk(user)


def offer_desk_on_return(sender: Any, user: Occupant, **kwargs: Any) -> None:
    """Receiver of ``user_reactivated``, after the commit.

    Inside the transaction it would hold the person's row while it waits for a desk that somebody
    else is being offered, whose transaction may wait for that very row.
    """
    offer_desk_to(user)


def follow_group_push(
    sender: Any, group: Team, added: list[int], removed: list[int], **kwargs: Any
) -> None:
    """Receiver of ``group_provisioned`` and ``group_updated``, after the commit.

    Who has joined a team is offered a desk where it sits; who has left keeps their seat, but not
    an offer.
    """
    if added or removed:
        arrange_offers(group)


def give_back_desk(occupant: Occupant) -> None:
    """Seat somebody at the desk they lost again, if nobody else has it by now."""
    freed = DeskAssignment.objects.of(occupant).freed_by_provisioning()
    last = freed.order_by("-until", "-pk").first()
    if last is None:
        return
    freed.update(is_freed_by_provisioning=False)
    try:
        with transaction.atomic():
            DeskAssignment.objects.create(desk_id=last.desk_id, occupant=occupant)
    except IntegrityError:
        # The constraint decides, not a look beforehand: the desk, or the person, is taken.
        return

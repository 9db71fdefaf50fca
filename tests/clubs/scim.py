"""People belong to several clubs: deactivating somebody ends one membership only."""

from maptician_scim import sessions
from maptician_scim.adapters import UserAdapter
from maptician_scim.mapping import Attribute
from maptician_scim.models import saving
from tests.clubs.models import Membership


def membership_field(name, **conversions):
    return Attribute(
        f"memberships__{name}",
        read=lambda adapter: getattr(adapter.membership, name),
        write=lambda adapter, value: setattr(
            adapter.membership, name, "" if name == "position" and value is None else value
        ),
        **conversions,
    )


class MemberAdapter(UserAdapter):
    tenant_field = "memberships__club"
    attribute_map = {
        "userName": "username",
        'emails[type eq "work"].value': "email",
        "name.givenName": "first_name",
        "name.familyName": "last_name",
        "active": membership_field("is_active"),
        "title": membership_field("position"),
    }

    @property
    def membership(self):
        if not hasattr(self, "_membership"):
            found = None
            if self.obj.pk is not None:
                found = Membership.objects.filter(user=self.obj, club=self.tenant).first()
            self._membership = found or Membership(user=self.obj, club=self.tenant)
        return self._membership

    @classmethod
    def tenants_of(cls, user):
        return [m.club for m in user.memberships.select_related("club")]

    def new_user(self):
        from django.contrib.auth import get_user_model

        user = get_user_model()()
        user.set_unusable_password()
        return user

    def save(self):
        super().save()
        with saving(self.membership):
            self.membership.user = self.obj
            self.membership.save()

    def delete(self):
        """Leaving a club for good takes the membership, never the person."""
        with saving(self.membership):
            self.membership.delete()

    def end_access(self):
        if not self.obj.memberships.exclude(club=self.tenant).filter(is_active=True).exists():
            sessions.end(self.obj)

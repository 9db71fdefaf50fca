"""The two hosts the black-box tests run against, behind one face."""

from django.conf import settings


class WorkplaceHost:
    """The example project: a custom user with a foreign key to its company."""

    tenant_scoped_extras = True

    def tenant(self, key):
        from tests.factories import CompanyFactory

        return CompanyFactory(subdomain=key)

    def person(self, tenant, *, email, active=True, protected=False, **names):
        from tests.factories import OccupantFactory

        return OccupantFactory(
            company=tenant, email=email, is_active=active, is_break_glass=protected, **names
        )

    def furnish(self, tenant, user, word):
        """A desk of somebody's, two floors, and a key for the API: what a company has besides."""
        from example_project.workplace.models import ApiKey, DeskAssignment, Floor
        from tests.factories import DeskFactory

        desk = DeskFactory(company=tenant, label=f"{word}-desk")
        Floor.objects.create(location=desk.floor.location, name=f"{word}-attic", level=9)
        DeskAssignment.objects.create(desk=desk, occupant=user)
        ApiKey.objects.issue(user, f"{word}-key")

    def is_active(self, user, tenant):
        user.refresh_from_db()
        return user.is_active

    def may_log_in(self, user):
        return user.is_active

    def access_of(self, user, tenant):
        """What lets somebody in, or keeps a place for them, apart from sessions."""
        kinds = {
            "API keys": user.api_keys.active(),
            "a desk": user.desk_assignments.current(),
            "an offer of a desk": user.desk_offers.open(),
        }
        return [name for name, rows in kinds.items() if rows.exists()]

    def set_title(self, user, tenant, title):
        user.job_title = title
        user.save()

    def people(self, tenant):
        from example_project.workplace.models import Occupant

        return Occupant.objects.filter(company=tenant)

    def group(self, tenant, name, *members):
        """A team somebody has made by hand."""
        from tests.factories import TeamFactory

        return TeamFactory(company=tenant, name=name, members=members)

    def groups(self, tenant):
        from example_project.workplace.models import Team

        return Team.objects.filter(company=tenant)

    def group_name(self, tenant, name):
        return name

    def members(self, group):
        return group.members


class ClubsHost:
    """Stock users with memberships; deactivating somebody ends the membership only."""

    def tenant(self, key):
        from tests.clubs.models import Club

        return Club.objects.get_or_create(subdomain=key, defaults={"name": key.title()})[0]

    def person(self, tenant, *, email, active=True, protected=False, **names):
        from django.contrib.auth.models import User

        from tests.clubs.models import Membership

        user = User.objects.create(
            username=f"{email}@{tenant.subdomain}", email=email, is_staff=protected, **names
        )
        Membership.objects.create(user=user, club=tenant, is_active=active)
        return user

    def furnish(self, tenant, user, word):
        """Clubs have nothing besides their members."""

    def is_active(self, user, tenant):
        return user.memberships.get(club=tenant).is_active

    def may_log_in(self, user):
        return user.memberships.filter(is_active=True).exists()

    def access_of(self, user, tenant):
        return []

    def set_title(self, user, tenant, title):
        membership = user.memberships.get(club=tenant)
        membership.position = title
        membership.save()

    def people(self, tenant):
        from django.contrib.auth.models import User

        return User.objects.filter(memberships__club=tenant)

    def group(self, tenant, name, *members):
        """A group somebody has made by hand."""
        from django.contrib.auth.models import Group

        group = Group.objects.create(name=self.group_name(tenant, name))
        group.user_set.add(*members)
        return group

    def groups(self, tenant):
        from django.contrib.auth.models import Group

        return Group.objects.filter(name__startswith=f"{tenant.subdomain}:")

    def group_name(self, tenant, name):
        return f"{tenant.subdomain}:{name}"

    def members(self, group):
        return group.user_set


def current():
    return ClubsHost() if settings.AUTH_USER_MODEL == "auth.User" else WorkplaceHost()

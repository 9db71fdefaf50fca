"""Clubs share Django's own groups: each has its own through the beginning of the name."""

from django.contrib.auth.models import Group

from maptician_scim.group_adapters import GroupAdapter


class ClubGroupAdapter(GroupAdapter):
    members_field = "user_set"

    @property
    def prefix(self):
        return f"{self.tenant.subdomain}:"

    @classmethod
    def scope(cls, records, tenant):
        return records.filter(group__name__startswith=f"{tenant.subdomain}:")

    @classmethod
    def groups_of(cls, tenant):
        return Group.objects.filter(name__startswith=f"{tenant.subdomain}:")

    def new_group(self):
        return Group()

    def name_for(self, display_name):
        return self.prefix + display_name

    def display_name_for(self, name):
        return name.removeprefix(self.prefix)

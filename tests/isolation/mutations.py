"""``python -m tests.isolation.mutations`` removes the locks one by one; the matrix has to notice.

The row of each is the case of the matrix that is run for it; others fail as well.
"""

from tests.conformance.mutate import main
from tests.conformance.mutations import Mutation

TEST = "tests/isolation/test_matrix.py::test_another_tenant_might_as_well_not_be_there"
USERS = "maptician_scim/provisioning/users.py"
GROUPS = "maptician_scim/provisioning/groups.py"
RELATIONS = "maptician_scim/relations.py"
MEMBERSHIP = "maptician_scim/membership.py"
LOCKED = (
    "maptician_scim/provisioning/base.py",
    "(of or self.record_model.objects.for_tenant)(tenant)",
    "of(tenant) if of else self.record_model.objects.live()",
)
"""What every verb that changes something begins with."""


def _break(case: str, file: str, old: str, new: str) -> Mutation:
    return Mutation(case, file, old, new, f"{TEST}[{case}]")


MUTATIONS = (
    _break(
        "GET /Users/<uuid> - person in the path",
        USERS,
        "annotated(ProvisionedUser.objects.for_tenant(tenant))",
        "annotated(ProvisionedUser.objects.live())",
    ),
    _break(
        "PATCH /Users/<uuid> - person in the path",
        *LOCKED,
    ),
    _break(
        "POST /Users - userName in the body",
        "maptician_scim/models/users.py",
        "ProvisionedUser.objects.ever_of(tenant).filter(user_name_key=key)",
        "ProvisionedUser.objects.filter(user_name_key=key)",
    ),
    _break(
        "GET /Groups - filter displayName eq ?",
        GROUPS,
        "annotated(ProvisionedGroup.objects.for_tenant(tenant))",
        "annotated(ProvisionedGroup.objects.live())",
    ),
    _break(
        "DELETE /Groups/<uuid> - group in the path",
        *LOCKED,
    ),
    _break(
        "POST /Groups - members.value in the body",
        MEMBERSHIP,
        'people = ProvisionedUser.objects.for_tenant(tenant).filter(Among(F("scim_id"), ids))',
        'people = ProvisionedUser.objects.live().filter(Among(F("scim_id"), ids))',
    ),
    _break(
        "PUT /Groups/<uuid> - a group in members.value",
        MEMBERSHIP,
        """groups = ProvisionedGroup.objects.for_tenant(tenant).filter(Among(F("scim_id"), ids))
    return {""",
        """groups = ProvisionedGroup.objects.live().filter(Among(F("scim_id"), ids))
    return {""",
    ),
    _break(
        "GET /Groups - filter members.value eq ?",
        RELATIONS,
        "people = adapter.annotated(ProvisionedUser.objects.for_tenant(tenant))",
        "people = adapter.annotated(ProvisionedUser.objects.live())",
    ),
    _break(
        "GET /Users - filter groups.value eq ?",
        RELATIONS,
        """groups = ProvisionedGroup.objects.for_tenant(tenant)
    mine""",
        """groups = ProvisionedGroup.objects.live()
    mine""",
    ),
    _break(
        "GET /Users - sortBy userName, without",
        RELATIONS,
        "records = ProvisionedGroup.objects.for_tenant(tenant).filter(**of_user)",
        "records = ProvisionedGroup.objects.live().filter(**of_user)",
    ),
    _break(
        "GET /Users - cursor",
        "maptician_scim/provisioning/searching.py",
        "str(self.tenant.pk), types,",
        "types,",
    ),
    _break(
        "GET /Roles - cursor",
        "maptician_scim/provisioning/catalogues.py",
        "str(self.tenant.pk),\n",
        "",
    ),
    _break(
        "GET /Entitlements - filter displayName eq ?",
        "example_project/workplace/scim.py",
        "Floor.objects.filter(location__company=tenant)",
        "Floor.objects.all()",
    ),
    _break(
        "GET /Me - token of the other tenant",
        "maptician_scim/authentication.py",
        "if tenant_key(token.tenant) != key:",
        "if tenant_key(token.tenant) == key == token.prefix:",
    ),
    _break(
        "GET /Users - X-Forwarded-Host",
        "maptician_scim/tenancy.py",
        "domain, _ = split_domain_port(_host_of(request))",
        'domain = request.META.get("HTTP_X_FORWARDED_HOST") or request.get_host()',
    ),
    _break(
        "POST /Bulk - PATCH of a person",
        "maptician_scim/bulk.py",
        "provisioner = verbs(origin.tenant, origin, self.request, NOTHING)",
        """provisioner = verbs(origin.tenant, origin, self.request, NOTHING)
        found = provisioner.visible().model.objects.filter(scim_id=resource_id or None)
        provisioner.tenant = next((record.tenant for record in found), origin.tenant)""",
    ),
)


if __name__ == "__main__":
    main(MUTATIONS)

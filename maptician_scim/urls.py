"""The routes, under the names django-scim2 gave them (``scim:users``, ...).

Include them as ``path("scim/v2/", include("maptician_scim.urls"))``; a slash at the end of a route
changes nothing.
"""

from django.urls import re_path

from maptician_scim.views import bulk, catalogues, discovery, others, resources, search

app_name = "scim"

ENDPOINT = "Users|Groups|Bulk|ServiceProviderConfig|ResourceTypes|Schemas"

urlpatterns = [
    # A base URL with an endpoint at its end: no id of ours is called so.
    re_path(rf"^(?P<path>({ENDPOINT})/({ENDPOINT})(/.*)?)$", others.NoEndpointView.as_view()),
    re_path(r"^\.search/?$", search.RootSearchView.as_view(), name="search"),
    re_path(r"^Users/\.search/?$", search.UserSearchView.as_view(), name="users-search"),
    re_path(r"^Groups/\.search/?$", search.GroupSearchView.as_view(), name="groups-search"),
    re_path(r"^Users/?$", resources.UsersView.as_view(), name="users"),
    re_path(r"^Users/(?P<uuid>[^/]+)/?$", resources.UserView.as_view(), name="users"),
    re_path(r"^Groups/?$", resources.GroupsView.as_view(), name="groups"),
    re_path(r"^Groups/(?P<uuid>[^/]+)/?$", resources.GroupView.as_view(), name="groups"),
    re_path(r"^Roles/\.search/?$", catalogues.RoleSearchView.as_view(), name="roles-search"),
    re_path(
        r"^Entitlements/\.search/?$",
        catalogues.EntitlementSearchView.as_view(),
        name="entitlements-search",
    ),
    re_path(r"^Roles/?$", catalogues.RolesView.as_view(), name="roles"),
    re_path(r"^Roles/(?P<uuid>[^/]+)/?$", catalogues.RoleView.as_view(), name="roles"),
    re_path(r"^Entitlements/?$", catalogues.EntitlementsView.as_view(), name="entitlements"),
    re_path(
        r"^Entitlements/(?P<uuid>[^/]+)/?$",
        catalogues.EntitlementView.as_view(),
        name="entitlements",
    ),
    re_path(r"^Me/?$", others.MeView.as_view(), name="me"),
    re_path(r"^Bulk/?$", bulk.BulkView.as_view(), name="bulk"),
    re_path(
        r"^ServiceProviderConfig/?$",
        discovery.ServiceProviderConfigView.as_view(),
        name="service-provider-config",
    ),
    re_path(r"^ResourceTypes/?$", discovery.ResourceTypesView.as_view(), name="resource-types"),
    re_path(
        r"^ResourceTypes/(?P<uuid>[^/]+)/?$",
        discovery.ResourceTypesView.as_view(),
        name="resource-types",
    ),
    re_path(r"^Schemas/?$", discovery.SchemasView.as_view(), name="schemas"),
    re_path(r"^Schemas/(?P<uuid>[^/]+)/?$", discovery.SchemasView.as_view(), name="schemas"),
    re_path(r"^$", search.RootView.as_view(), name="root"),
    re_path(r"^(?P<path>(?s:.*))$", others.NoEndpointView.as_view()),
]

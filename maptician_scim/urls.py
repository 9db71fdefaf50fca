"""The routes, under the names django-scim2 gave them (``scim:users``, ...).

Include them as ``path("scim/v2/", include("maptician_scim.urls"))``; a slash at the end of a route
changes nothing.
"""

from django.urls import re_path

from maptician_scim import bulk_view, search_views, views

app_name = "scim"

ENDPOINT = "Users|Groups|Bulk|ServiceProviderConfig|ResourceTypes|Schemas"

urlpatterns = [
    # A base URL with an endpoint at its end: no id of ours is called so.
    re_path(rf"^(?P<path>({ENDPOINT})/({ENDPOINT})(/.*)?)$", views.NoEndpointView.as_view()),
    re_path(r"^\.search/?$", search_views.RootSearchView.as_view(), name="search"),
    re_path(r"^Users/\.search/?$", search_views.UserSearchView.as_view(), name="users-search"),
    re_path(r"^Groups/\.search/?$", search_views.GroupSearchView.as_view(), name="groups-search"),
    re_path(r"^Users/?$", views.UsersView.as_view(), name="users"),
    re_path(r"^Users/(?P<uuid>[^/]+)/?$", views.UserView.as_view(), name="users"),
    re_path(r"^Groups/?$", views.GroupsView.as_view(), name="groups"),
    re_path(r"^Groups/(?P<uuid>[^/]+)/?$", views.GroupView.as_view(), name="groups"),
    re_path(r"^Roles/?$", views.RolesView.as_view(), name="roles"),
    re_path(r"^Roles/(?P<uuid>[^/]+)/?$", views.RoleView.as_view(), name="roles"),
    re_path(r"^Entitlements/?$", views.EntitlementsView.as_view(), name="entitlements"),
    re_path(
        r"^Entitlements/(?P<uuid>[^/]+)/?$", views.EntitlementView.as_view(), name="entitlements"
    ),
    re_path(r"^Me/?$", views.MeView.as_view(), name="me"),
    re_path(r"^Bulk/?$", bulk_view.BulkView.as_view(), name="bulk"),
    re_path(
        r"^ServiceProviderConfig/?$",
        views.ServiceProviderConfigView.as_view(),
        name="service-provider-config",
    ),
    re_path(r"^ResourceTypes/?$", views.ResourceTypesView.as_view(), name="resource-types"),
    re_path(
        r"^ResourceTypes/(?P<uuid>[^/]+)/?$",
        views.ResourceTypesView.as_view(),
        name="resource-types",
    ),
    re_path(r"^Schemas/?$", views.SchemasView.as_view(), name="schemas"),
    re_path(r"^Schemas/(?P<uuid>[^/]+)/?$", views.SchemasView.as_view(), name="schemas"),
    re_path(r"^$", views.NoEndpointView.as_view(), name="root"),
    re_path(r"^(?P<path>(?s:.*))$", views.NoEndpointView.as_view()),
]

"""django-scim2, set up as its documentation says, for a host with the same people."""

from maptician_scim.linking import sync_user


def follow_membership(sender, instance, **kwargs):
    """A membership that changes outside SCIM changes who a club sees."""
    if not getattr(instance, "_scim_is_saving", False):
        sync_user(instance.user)

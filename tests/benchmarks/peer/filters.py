"""Keeping companies apart, by the two hooks that django-scim2 documents for it."""

from django_scim.filters import UserFilterQuery


class Filter(UserFilterQuery):
    @classmethod
    def get_extras(cls, q, request=None):
        return " AND company_id = %s", [request.user.company_id]


def of_company(model):
    def restrictions(request, *args, **kwargs):
        return {"company_id": request.user.company_id}

    return restrictions

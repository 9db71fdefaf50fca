"""The adapter such a host writes: what Maptician maps, in django-scim2's way."""

from django_scim.adapters import SCIMUser

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ENTERPRISE_FIELDS = {
    "employeeNumber": "employee_number",
    "organization": "organization",
    "department": "department",
}


class Adapter(SCIMUser):
    def to_dict(self):
        user, document = self.obj, super().to_dict()
        document["schemas"] = [*document["schemas"], ENTERPRISE]
        document |= {
            "title": user.job_title,
            "userType": user.user_type,
            "phoneNumbers": [
                {"type": "work", "value": user.work_phone},
                {"type": "mobile", "value": user.mobile_phone},
            ],
            "addresses": [{"type": "work", "locality": user.city, "region": user.region}],
            ENTERPRISE: {name: getattr(user, field) for name, field in ENTERPRISE_FIELDS.items()},
        }
        return document

    def from_dict(self, d):
        super().from_dict(d)
        user = self.obj
        user.company_id = self.request.user.company_id
        user.job_title, user.user_type = d.get("title", ""), d.get("userType", "")
        phones = {phone.get("type"): phone["value"] for phone in d.get("phoneNumbers", ())}
        user.work_phone, user.mobile_phone = phones.get("work", ""), phones.get("mobile", "")
        for address in d.get("addresses", ())[:1]:
            user.city, user.region = address.get("locality", ""), address.get("region", "")
        for name, field in ENTERPRISE_FIELDS.items():
            setattr(user, field, d.get(ENTERPRISE, {}).get(name, ""))

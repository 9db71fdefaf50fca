from django.contrib.auth.models import AbstractUser
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Company(models.Model):
    name = models.CharField(max_length=63)


class Token(models.Model):
    """What the middleware makes ``request.user``, as a service account would be."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)

    is_authenticated = True


class Group(AbstractSCIMGroupMixin):
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)


class User(AbstractSCIMUserMixin, AbstractUser):
    """The columns of the example project's occupant."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    scim_groups = models.ManyToManyField(Group, related_name="user_set")
    job_title = models.CharField(max_length=150, blank=True, default="")
    user_type = models.CharField(max_length=64, blank=True, default="")
    department = models.CharField(max_length=150, blank=True, default="")
    organization = models.CharField(max_length=150, blank=True, default="")
    employee_number = models.CharField(max_length=64, blank=True, default="")
    work_phone = models.CharField(max_length=64, blank=True, default="")
    mobile_phone = models.CharField(max_length=64, blank=True, default="")
    city = models.CharField(max_length=128, blank=True, default="")
    region = models.CharField(max_length=128, blank=True, default="")

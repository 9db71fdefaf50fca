# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg, no-any-return"

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from example_project.workplace.models import (
    ApiKey,
    Company,
    Desk,
    DeskAssignment,
    DeskOffer,
    Floor,
    Location,
    Neighbourhood,
    Occupant,
    Team,
    TeamMembership,
)
from example_project.workplace.scoping import ByValue, CompanyScoped, by, is_unlimited
from example_project.workplace.seating import arrange_offers
from maptician_scim.admin import ConnectionLinkMixin

admin.site.site_header = "Maptician"
admin.site.site_title = "Maptician"
admin.site.index_title = "Administration"

MEMBERS_ON_A_PAGE = 100
"""Of a larger team only the list of memberships is the place: a form has at most 1,000 fields."""

RIGHTS = {"is_staff", "is_superuser", "groups", "user_permissions"}
"""Fields of an occupant that say what they may do here."""


@admin.register(Company)
class CompanyAdmin(ConnectionLinkMixin, CompanyScoped, admin.ModelAdmin):
    company_path = "pk"
    list_display = ["name", "subdomain", "active_occupants"]
    search_fields = ["name", "subdomain"]
    ordering = ["name"]  # that of the model does not reach a query that counts

    def get_fields(self, request: HttpRequest, obj: Company | None = None) -> Any:
        """Who supports a company is not for its supporters to say."""
        return ["name", "subdomain", *(["support_group"] if is_unlimited(request) else [])]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Company]:
        active = Count("occupants", filter=Q(occupants__is_active=True))
        return super().get_queryset(request).annotate(active_occupants=active)

    @admin.display(description="active people", ordering="active_occupants")
    def active_occupants(self, company: Any) -> int:
        return company.active_occupants


class DeskAssignmentInline(CompanyScoped, admin.TabularInline):
    model = DeskAssignment
    company_path = "occupant__company"
    extra = 0
    autocomplete_fields = ["desk"]


class ApiKeyInline(admin.TabularInline):
    """To look at: a secret is shown once, to its owner, and never here."""

    model = ApiKey
    extra = 0
    can_delete = False
    fields = ["name", "prefix", "created_at", "revoked_at"]
    readonly_fields = ["name", "prefix", "created_at", "revoked_at"]

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Occupant)
class OccupantAdmin(CompanyScoped, UserAdmin):
    list_display = ["__str__", "email", "company", "job_title", "department", "city", "is_active"]
    list_filter = [by("company"), "is_active", "is_staff", "is_break_glass", ("user_type", ByValue)]
    list_select_related = ["company"]
    search_fields = [*UserAdmin.search_fields, "employee_number", "department"]
    ordering = ["last_name", "first_name", "pk"]
    autocomplete_fields = ["company"]
    inlines = [DeskAssignmentInline, ApiKeyInline]
    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        ("Company", {"fields": ["company", "is_break_glass"]}),
        (
            "Work",
            {
                "fields": [
                    "job_title",
                    "user_type",
                    ("department", "organization"),
                    "employee_number",
                    ("work_phone", "mobile_phone"),
                    ("city", "region"),
                ]
            },
        ),
    )
    add_fieldsets = (
        *UserAdmin.add_fieldsets,
        (None, {"fields": ["company", "first_name", "last_name", "email"]}),
    )

    def get_inlines(self, request: HttpRequest, obj: Occupant | None = None) -> list[Any]:
        """Nobody has a desk or a key before they are there."""
        return self.inlines if obj else []

    def get_fieldsets(self, request: HttpRequest, obj: Occupant | None = None) -> Any:
        """Nobody but a superuser gives rights, or sees which groups there are."""
        fieldsets = super().get_fieldsets(request, obj)
        if is_unlimited(request):
            return fieldsets
        return [
            (name, {**options, "fields": [f for f in options["fields"] if f not in RIGHTS]})
            for name, options in fieldsets
        ]

    def has_change_permission(self, request: HttpRequest, obj: Occupant | None = None) -> bool:
        """Nor changes a superuser."""
        is_above = obj is not None and obj.is_superuser and not is_unlimited(request)
        return super().has_change_permission(request, obj) and not is_above


@admin.register(Location)
class LocationAdmin(CompanyScoped, admin.ModelAdmin):
    list_display = ["name", "city", "company"]
    list_filter = [by("company")]
    list_select_related = ["company"]
    search_fields = ["name", "city"]
    autocomplete_fields = ["company"]


@admin.register(Floor)
class FloorAdmin(CompanyScoped, admin.ModelAdmin):
    company_path = "location__company"
    list_display = ["name", "level", "location"]
    list_filter = [by(company_path)]
    list_select_related = ["location"]
    search_fields = ["name", "location__name"]
    autocomplete_fields = ["location"]


@admin.register(Neighbourhood)
class NeighbourhoodAdmin(CompanyScoped, admin.ModelAdmin):
    company_path = "floor__location__company"
    list_display = ["name", "floor"]
    list_filter = [by(company_path)]
    list_select_related = ["floor__location"]
    search_fields = ["name", "floor__name", "floor__location__name"]
    autocomplete_fields = ["floor"]


@admin.register(Desk)
class DeskAdmin(CompanyScoped, admin.ModelAdmin):
    company_path = "floor__location__company"
    list_display = ["label", "floor", "neighbourhood"]
    list_filter = [by(company_path), by("neighbourhood")]
    list_select_related = ["floor__location", "neighbourhood__floor__location"]
    search_fields = ["label", "floor__name", "floor__location__name", "neighbourhood__name"]
    autocomplete_fields = ["floor", "neighbourhood"]


@admin.register(DeskAssignment)
class DeskAssignmentAdmin(CompanyScoped, admin.ModelAdmin):
    company_path = "occupant__company"
    list_display = ["desk", "occupant", "since", "until"]
    list_filter = [("until", admin.EmptyFieldListFilter), by(company_path)]
    list_select_related = ["desk__floor__location", "occupant"]
    search_fields = ["desk__label", "occupant__first_name", "occupant__last_name"]
    autocomplete_fields = ["desk", "occupant"]


class TeamMembershipInline(CompanyScoped, admin.TabularInline):
    model = TeamMembership
    company_path = "occupant__company"
    extra = 0
    autocomplete_fields = ["occupant"]
    readonly_fields = ["joined_at"]


@admin.register(Team)
class TeamAdmin(CompanyScoped, admin.ModelAdmin):
    list_display = ["name", "company", "neighbourhood", "member_count"]
    list_filter = [by("company")]
    list_select_related = ["company", "neighbourhood__floor__location"]
    search_fields = ["name", "company__name", "neighbourhood__name"]
    ordering = ["company__name", "name"]  # that of the model does not reach a query that counts
    autocomplete_fields = ["company", "neighbourhood"]
    readonly_fields = ["created_at"]
    inlines = [TeamMembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    @admin.display(description="members", ordering="member_count")
    def member_count(self, team: Any) -> int:
        return team.member_count

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The members, unless they are too many for one page."""
        return [] if obj and obj.member_count > MEMBERS_ON_A_PAGE else self.inlines

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Who came is offered a desk, and who left no longer."""
        super().save_related(request, form, formsets, change)
        if count := arrange_offers(form.instance):
            self.message_user(request, f"Members without a desk who were offered one: {count}.")


@admin.register(TeamMembership)
class TeamMembershipAdmin(CompanyScoped, admin.ModelAdmin):
    """Who is in which team, also where that are too many for the page of the team."""

    company_path = "team__company"
    list_display = ["team", "occupant", "is_lead", "joined_at"]
    list_filter = ["is_lead", by(company_path), by("team")]
    list_select_related = ["team", "occupant"]
    search_fields = ["team__name", "occupant__first_name", "occupant__last_name"]
    autocomplete_fields = ["team", "occupant"]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        """A membership stays what it is; another one begins at another time."""
        return ["joined_at", *(["team", "occupant"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        arrange_offers(obj.team)

    def delete_model(self, request: HttpRequest, obj: TeamMembership) -> None:
        super().delete_model(request, obj)
        arrange_offers(obj.team)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TeamMembership]) -> None:
        teams = list(
            Team.objects.filter(memberships__in=queryset).distinct().order_by("neighbourhood_id")
        )
        super().delete_queryset(request, queryset)
        for team in teams:
            arrange_offers(team)


@admin.register(DeskOffer)
class DeskOfferAdmin(CompanyScoped, admin.ModelAdmin):
    """To look at, and to withdraw: who gets a desk is decided by teams and by the people."""

    company_path = "team__company"
    list_display = ["desk", "occupant", "team", "state", "offered_at", "ended_at"]
    list_filter = ["state", by(company_path)]
    list_select_related = ["desk__floor__location", "occupant", "team"]
    search_fields = ["desk__label", "team__name", "occupant__first_name", "occupant__last_name"]
    readonly_fields = ["team", "occupant", "desk", "state", "offered_at", "ended_at"]
    actions = ["withdraw"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Withdraw selected desk offers", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[DeskOffer]) -> None:
        count = DeskOffer.objects.filter(pk__in=queryset).end(DeskOffer.State.WITHDRAWN)
        self.message_user(request, f"{count} withdrawn.")


@admin.register(ApiKey)
class ApiKeyAdmin(CompanyScoped, admin.ModelAdmin):
    company_path = "occupant__company"
    list_display = ["name", "prefix", "occupant", "created_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), by(company_path)]
    list_select_related = ["occupant"]
    search_fields = ["name", "prefix", "occupant__first_name", "occupant__last_name"]
    readonly_fields = ["occupant", "prefix", "created_at", "revoked_at"]
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Revoke selected API keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        count = ApiKey.objects.active().filter(pk__in=queryset).revoke()
        self.message_user(request, f"{count} revoked.")

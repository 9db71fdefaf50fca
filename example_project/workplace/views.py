"""The pages people see at their company's address."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from example_project.workplace import seating
from example_project.workplace.models import Company, DeskAssignment, DeskOffer, Occupant
from maptician_scim.tenancy import endpoint_url, find_tenant, requested_tenant_key


def home(request: HttpRequest) -> HttpResponse:
    """The company whose subdomain was asked for, or the way to the admin."""
    key = requested_tenant_key(request)
    if key is None:  # the bare domain
        return render(request, "workplace/home.html")
    company = find_tenant(key)
    if company is None:
        return render(request, "workplace/home.html", {"is_unknown": True}, status=404)
    return render(
        request,
        "workplace/home.html",
        {"company": company, "base_url": endpoint_url(request, "root").rstrip("/")},
    )


def company_at(request: HttpRequest) -> Company:
    """The company whose address was asked for. Raises ``Http404``."""
    key = requested_tenant_key(request)
    company = None if key is None else find_tenant(key)
    if company is None:
        raise Http404("No company has this address.")
    return cast(Company, company)


# -- signing in ------------------------------------------------------------------------------


class LoginForm(AuthenticationForm):
    """Lets in who works at the company whose address was asked for."""

    def confirm_login_allowed(self, user: Occupant) -> None:
        super().confirm_login_allowed(user)
        if self.request is None or user.company != company_at(self.request):
            # Not even a right password tells that somebody works elsewhere.
            raise self.get_invalid_login_error()


class CompanyLogin(LoginView):
    """In place of Maptician's single sign-on."""

    form_class = LoginForm
    template_name = "workplace/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"company": company_at(self.request)}


Page = Callable[..., HttpResponse]


def for_people_of_the_company(view: Page) -> Page:
    """The view, for whoever works at the company whose address was asked for."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        company = company_at(request)
        if not request.user.is_authenticated or request.user.company_id != company.pk:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return guarded


# -- somebody's desk -------------------------------------------------------------------------


@for_people_of_the_company
def my_desk(request: HttpRequest) -> HttpResponse:
    """Where somebody sits or might sit, and the teams they are in."""
    user = cast(Occupant, request.user)
    seats = DeskAssignment.objects.of(user).current()
    offers = DeskOffer.objects.of(user).open()
    context = {
        "memberships": user.team_memberships.select_related("team"),
        "assignment": seats.select_related("desk__floor__location").first(),
        "offer": offers.select_related(
            "team", "desk__floor__location", "desk__neighbourhood"
        ).first(),
    }
    return render(request, "workplace/desk.html", context)


@require_POST
@for_people_of_the_company
def accept_desk(request: HttpRequest, pk: int) -> HttpResponse:
    """Seat somebody at the desk they were offered; offer them another if it is taken."""
    user = cast(Occupant, request.user)
    offer = get_object_or_404(DeskOffer.objects.of(user), pk=pk)
    try:
        seating.accept(offer)
    except seating.DeskTaken:
        messages.warning(request, f"{offer.desk} is no longer on offer.")
        seating.offer_desk_to(user)
    return redirect("my-desk")


@require_POST
@for_people_of_the_company
def decline_desk(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the desk go to somebody else."""
    offer = get_object_or_404(DeskOffer.objects.of(cast(Occupant, request.user)), pk=pk)
    seating.decline(offer)
    return redirect("my-desk")

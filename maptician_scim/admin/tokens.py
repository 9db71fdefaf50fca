"""Tokens in the admin: issued, shown once, rotated, revoked."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.cache import patch_cache_control
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from maptician_scim import lifecycle
from maptician_scim.admin.base import TenantFilter, TenantScopedAdmin, recognisable
from maptician_scim.admin.token_forms import (
    Access,
    ChangeForm,
    IssueForm,
    NonceForm,
    RevokeForm,
    RotateForm,
    access_of,
)
from maptician_scim.exceptions import CannotRotate
from maptician_scim.explanations import client_name
from maptician_scim.models import Event, Scope, Token
from maptician_scim.tenancy import public_base_url

TEMPLATES = "admin/maptician_scim/token"


class StateFilter(admin.SimpleListFilter):
    """By where in their life tokens are."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return lifecycle.State.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if value not in lifecycle.State.values:
            return queryset.none()
        return lifecycle.in_state(queryset, lifecycle.State(value))  # type: ignore[arg-type]


@admin.register(Token)
class TokenAdmin(TenantScopedAdmin):
    """Issuing, rotating and revoking have pages of their own; a secret is on one answer only."""

    form = ChangeForm
    list_filter = [TenantFilter, StateFilter]
    search_fields = ["name", "prefix"]
    ordering = ["-created_at", "-pk"]
    list_per_page = 50
    actions = None  # tokens are not deleted by the dozen
    change_form_template = f"{TEMPLATES}/change_form.html"

    class Media:
        css = {"all": ["maptician_scim/tokens.css"]}

    # -- what is shown --------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        rows: QuerySet[Token] = super().get_queryset(request)
        related = rows.select_related("tenant__scim_connection", "created_by", "predecessor")
        return related.prefetch_related("successors")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns: list[Any] = ["label", "tenant", "state", "last_used", "rights", "created_by"]
        if self.has_change_permission(request):
            columns.insert(4, "next_steps")
        return columns

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, recognisable(search_term))

    @admin.display(description=_("token"), ordering="name")
    def label(self, token: Token) -> SafeString:
        text = '<span class="scim-label">{} <code class="scim-code">{}…</code></span>'
        return format_html(text, token.name, token.prefix)

    @admin.display(description=_("prefix"), ordering="prefix")
    def shown_prefix(self, token: Token) -> SafeString:
        return format_html('<code class="scim-code">{}…</code>', token.prefix)

    @admin.display(description=_("state"))
    def state(self, token: Token) -> SafeString:
        return format_html(
            '<span class="scim-state scim-state-{}">{}</span>',
            lifecycle.state_of(token).value,
            lifecycle.state_text(token),
        )

    @admin.display(description=_("expires"), ordering="expires_at")
    def expires(self, token: Token) -> str:
        if token.expires_at is None:
            return gettext("never")
        return date_format(localtime(token.expires_at), "DATETIME_FORMAT")

    @admin.display(description=_("allows"))
    def rights(self, token: Token) -> str:
        access = access_of(token.scopes)
        if access is not Access.CHOSEN:
            return str(access.label)
        return ", ".join(str(scope.label) for scope in Scope if scope in token.scopes)

    @admin.display(description=_("last used"), ordering="last_used_at")
    def last_used(self, token: Token) -> str | SafeString:
        return _when(token.last_used_at, lifecycle.last_use(token))

    @admin.display(description=_("first used"))
    def first_used(self, token: Token) -> str | SafeString:
        if token.first_used_at is None:
            return gettext("never used")
        return _when(token.first_used_at, lifecycle.ago(token.first_used_at))

    @admin.display(description=_("client"))
    def client(self, token: Token) -> str:
        if not token.last_used_client:
            return "-"
        return f"{client_name(token.last_used_client)} ({token.last_used_client})"

    @admin.display(description=_("allowed networks"))
    def allowed_networks(self, token: Token) -> str:
        return ", ".join(token.networks) or gettext("any")

    @admin.display(description=_("rotation"))
    def rotation(self, token: Token) -> str | SafeString:
        found = lifecycle.rotation_of(token)
        if found is None:
            return "-"
        return format_html(
            '<span class="scim-rotation scim-rotation-{}">{}</span>',
            found.progress.value,
            found.sentence,
        )

    @admin.display(description=_("successor of"))
    def predecessor_link(self, token: Token) -> str | SafeString:
        return _link(token.predecessor) if token.predecessor else "-"

    @admin.display(description=_("successors"))
    def successor_links(self, token: Token) -> str | SafeString:
        return format_html_join(", ", "{}", ((_link(s),) for s in token.successors.all())) or "-"

    @admin.display(description=_("next"))
    def next_steps(self, token: Token) -> SafeString:
        # Revoking is a step for what is in force, rotating for what has no successor yet.
        steps = []
        if token.is_valid and not token.live_successors:
            steps.append((_url("rotate", token), token.name, gettext("Rotate")))
        if not token.is_revoked:
            steps.append((_url("revoke", token), token.name, gettext("Revoke")))
        link = '<a class="scim-step" href="{}" aria-label="{} {}">{}</a>'
        return format_html_join(" ", link, ((u, label, name, label) for u, name, label in steps))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        state = ["tenant", "shown_prefix", "state", "rotation", "last_used", "client"]
        rights = ["name", "expires", "rights", "allowed_networks"]
        if self.has_change_permission(request, obj):
            editable: Any = ChangeForm.fieldsets
        else:
            editable = ((_("Rights"), {"fields": rights}),)
        return [
            (_("State"), {"fields": state}),
            *editable,
            (_("History"), {"fields": self._history_fields(obj)}),
        ]

    def _history_fields(self, obj: Token | None) -> list[str]:
        fields = ["created_at", "created_by", "first_used", "predecessor_link", "successor_links"]
        if obj is not None and obj.is_revoked:
            fields += ["revoked_at", "revoked_reason"]
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        state, *_editable, history = self.get_fieldsets(request, obj)
        return [*state[1]["fields"], *history[1]["fields"]]

    # -- who may do what ------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A revoked token is only looked at."""
        is_allowed = super().has_change_permission(request, obj)
        return is_allowed and not (obj is not None and obj.is_revoked)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what lets nobody in and is in no line of the log may go, unless its tenant goes."""
        is_allowed = super().has_delete_permission(request, obj)
        is_alone = obj is not None and self.is_own_page(request)
        return is_allowed and not (is_alone and _why_not_deletable(obj))

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    # -- pages ----------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        views = {"rotate": self.rotate_view, "revoke": self.revoke_view}
        return [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"maptician_scim_token_{name}",
            )
            for name, view in views.items()
        ] + super().get_urls()

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Issue a token; the answer to the form shows its secret."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial = {"tenant": request.GET.get("tenant")}
        form = IssueForm(_posted(request), admin=request.user, initial=initial)

        @sensitive_variables("secret")
        def issue() -> tuple[Token, str]:
            token, secret = Token.objects.issue(
                tenant=form.cleaned_data["tenant"],
                name=form.cleaned_data["name"],
                expires_at=form.chosen_expiry,
                scopes=form.cleaned_data["scopes"],
                networks=form.cleaned_data["networks"],
                created_by=request.user,
                nonce=form.sent_nonce,
            )
            self.log_addition(request, token, [{"added": {}}])
            return token, secret

        return self._issued_once(request, form, issue) or self._form_page(
            request,
            form,
            title=gettext("Issue a SCIM token"),
            submit=gettext("Issue"),
            lead=gettext("The token is shown once, on the next page."),
        )

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Issue a successor; the old token goes on working meanwhile."""
        if not self.has_rotate_permission(request):
            raise PermissionDenied
        token = self.row_or_403(request, object_id)
        form = RotateForm(_posted(request), token=token)

        @sensitive_variables("secret")
        def rotate() -> tuple[Token, str]:
            successor, secret = token.rotate(
                name=form.cleaned_data["name"],
                keep_for=form.keep_for,
                expires_at=form.chosen_expiry,
                created_by=request.user,
                nonce=form.sent_nonce,
            )
            self.log_addition(request, successor, f"Issued as the successor of {token}.")
            self.log_change(request, token, f"Rotated. Its successor is {successor}.")
            return successor, secret

        try:
            answer, reason = self._issued_once(request, form, rotate), token.why_not_rotatable()
        except CannotRotate as error:  # somebody else was faster
            answer, reason = None, str(error)
        if answer is None and reason:
            title = gettext("This token cannot be rotated")
            return self._notice_page(request, token, title, reason)
        return answer or self._form_page(
            request,
            form,
            token,
            title=gettext("Rotate a SCIM token"),
            submit=gettext("Rotate"),
            lead=gettext(
                "A successor with the same rights and networks is issued and shown once, on the "
                "next page. The old token goes on working meanwhile."
            ),
        )

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Refuse a token from the next request on."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        token = self.row_or_403(request, object_id)
        if token.is_revoked:
            return self._already_revoked(request, token)
        form = RevokeForm(_posted(request))
        if form.is_valid():
            if not token.revoke(form.cleaned_data["reason"]):
                return self._already_revoked(request, token)
            self.log_change(request, token, f"Revoked: {token.revoked_reason}")
            text = gettext("%(token)s is revoked. It is refused from the next request on.")
            self.message_user(request, text % {"token": token}, messages.SUCCESS)
            return HttpResponseRedirect(_url("change", token))
        return self._form_page(
            request,
            form,
            token,
            title=gettext("Revoke a SCIM token"),
            submit=gettext("Revoke"),
            lead=gettext(
                "Whoever still uses this token is refused from the next request on. That cannot "
                "be undone."
            ),
            is_dangerous=True,
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if "_saveasnew" in request.POST:
            raise PermissionDenied  # it would make a token past add_view
        may_change = self.has_change_permission(request)
        more = {
            "may_rotate": self.has_rotate_permission(request),
            "may_revoke": may_change,
            "show_save_and_add_another": False,
        }
        return super().change_view(request, object_id, form_url, more | (extra_context or {}))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not super().has_delete_permission(request):
            raise PermissionDenied
        token = self.row_or_403(request, object_id)
        if reason := _why_not_deletable(token):
            title = gettext("This token cannot be deleted")
            return self._notice_page(request, token, title, reason, status=403)
        return super().delete_view(request, object_id, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what was changed and nothing else: the token may be in use, or just revoked."""
        changed = form.changed_fields
        if "expires_at" in changed:
            obj.announced_days = None
            changed = [*changed, "announced_days"]
        obj.save(update_fields=changed)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, dict[str, list[str]]]]:
        with override(None):  # the log is translated when it is shown
            names = [str(Token._meta.get_field(n).verbose_name) for n in form.changed_fields]  # type: ignore[union-attr]
        return [{"changed": {"fields": names}}] if names else []

    # -- parts of pages -------------------------------------------------------------------------

    @sensitive_variables("secret")
    def _issued_once(
        self, request: HttpRequest, form: NonceForm, issue: Callable[[], tuple[Token, str]]
    ) -> HttpResponse | None:
        """The answer that shows the secret, or what stands there when the form is sent again.

        ``None`` if nothing was sent, or something that is not right.
        """
        if not form.is_bound:
            return None
        is_valid = form.is_valid()
        # Asked after the validation: a form sent twice at once finds its own name taken.
        if earlier := Token.objects.filter(nonce=form.sent_nonce).first():
            return self._already_shown(request, earlier)
        if not is_valid:
            return None
        try:
            with transaction.atomic():
                token, secret = issue()
        except IntegrityError:
            earlier = Token.objects.filter(nonce=form.sent_nonce).first()
            if earlier is None:
                raise
            return self._already_shown(request, earlier)
        return self._issued_page(request, token, secret)

    @sensitive_variables("secret")
    def _issued_page(self, request: HttpRequest, token: Token, secret: str) -> HttpResponse:
        page = self._page(
            request,
            "issued.html",
            token,
            title=gettext("Copy the token now"),
            secret=secret,
            base_url=public_base_url(request, token.tenant),
        )
        patch_cache_control(page, no_store=True)
        return page

    def _already_shown(self, request: HttpRequest, token: Token) -> HttpResponse:
        is_seen = self.get_queryset(request).filter(pk=token.pk).exists()
        return self._notice_page(
            request,
            token if is_seen else None,
            gettext("This token was already shown"),
            gettext(
                "This form has issued its token before, and a token is shown only once. If it was "
                "not copied, revoke it and issue another one."
            ),
        )

    def _already_revoked(self, request: HttpRequest, token: Token) -> HttpResponse:
        when = token.revoked_at and lifecycle.ago(token.revoked_at)
        facts = {"when": when, "reason": token.revoked_reason or "-"}
        text = gettext("It was revoked %(when)s. Reason: %(reason)s") % facts
        return self._notice_page(request, token, gettext("This token is revoked already"), text)

    def _notice_page(
        self, request: HttpRequest, token: Token | None, title: str, text: str, status: int = 200
    ) -> HttpResponse:
        return self._page(request, "notice.html", token, title=title, text=text, status=status)

    def _form_page(
        self, request: HttpRequest, form: Any, token: Token | None = None, **context: Any
    ) -> HttpResponse:
        fields = helpers.AdminForm(form, form.fieldsets, {}, (), model_admin=self)
        errors = helpers.AdminErrorList(form, [])
        return self._page(
            request, "form.html", token, adminform=fields, form=form, errors=errors, **context
        )

    @sensitive_variables("context")
    def _page(
        self,
        request: HttpRequest,
        template: str,
        token: Token | None,
        *,
        status: int = 200,
        **context: Any,
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        common = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "token": token,
            "rotation": token and lifecycle.rotation_of(token),
            "last_use": token and lifecycle.last_use(token),
            "state_text": token and lifecycle.state_text(token),
            "has_view_permission": self.has_view_permission(request),
        }
        return TemplateResponse(request, f"{TEMPLATES}/{template}", common | context, status=status)


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _why_not_deletable(token: Token) -> str:
    """What speaks against deleting a token, as a sentence; empty if nothing does."""
    if token.is_valid:
        return gettext("It is in force. Revoke it instead.")
    if Event.objects.for_tenant(token.tenant).filter(token=token).exists():
        text = gettext("The log has entries that name it, and they must stay true.")
        return text if token.is_revoked else f"{text} {gettext('Revoke it instead.')}"
    return ""


def _url(action: str, token: Token) -> str:
    return reverse(f"admin:maptician_scim_token_{action}", args=[token.pk])


def _link(token: Token) -> SafeString:
    return format_html('<a href="{}">{}</a>', _url("change", token), token)


def _when(moment: Any, text: str) -> str | SafeString:
    """A text about a point in time, with the exact one for those who point at it."""
    if moment is None:
        return text
    local = localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        text,
    )

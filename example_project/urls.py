from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from example_project.workplace import views

urlpatterns = [
    path("", views.home, name="home"),
    # Browsers ask for this name where a page, like those of the admin, names no icon.
    path("favicon.ico", RedirectView.as_view(url=static("workplace/icon.svg"))),
    path("admin/", admin.site.urls),
    path("scim/v2/", include("maptician_scim.urls")),
]

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from example_project.workplace import views

urlpatterns = [
    path("scim/v2/", include("maptician_scim.urls")),
    path("", views.home, name="home"),
    path("login/", views.CompanyLogin.as_view(), name="login"),
    path("logout/", LogoutView.as_view(next_page="home"), name="logout"),
    path("desk/", views.my_desk, name="my-desk"),
    path("desk/<int:pk>/accept/", views.accept_desk, name="accept-desk"),
    path("desk/<int:pk>/decline/", views.decline_desk, name="decline-desk"),
    # Browsers ask for this name where a page, like those of the admin, names no icon.
    path("favicon.ico", RedirectView.as_view(url=static("workplace/icon.svg"))),
    path("admin/", admin.site.urls),
]

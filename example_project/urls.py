from django.contrib import admin
from django.urls import include, path

from example_project.workplace import views

urlpatterns = [
    path("", views.home, name="home"),
    path("admin/", admin.site.urls),
    path("scim/v2/", include("maptician_scim.urls")),
]

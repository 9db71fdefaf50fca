from django.urls import include, path

urlpatterns = [path("scim/v2/", include("maptician_scim.urls"))]

from django.urls import path

from backend.salons.api import favourites, photos, reviews, views
from backend.salons.api.manage.urls import urlpatterns as manage

urlpatterns = [
    path("categories", views.CategoryCollection.as_view(), name="categories"),
    path("cities", views.CityCollection.as_view(), name="cities"),
    path("cities/<slug:city>/districts", views.DistrictCollection.as_view(), name="districts"),
    path("salons/<str:salon>", views.SalonItem.as_view(), name="salon"),
    path("salons/<str:salon>/reviews", views.SalonReviews.as_view(), name="salon-reviews"),
    *favourites.routes,
    *photos.routes,
    *reviews.routes,
    *manage,
]

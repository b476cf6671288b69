from django.urls import path

from backend.salons.api import views

urlpatterns = [
    path("categories", views.CategoryCollection.as_view(), name="categories"),
    path("cities", views.CityCollection.as_view(), name="cities"),
    path("salons", views.SalonCollection.as_view(), name="salons"),
    path("salons/<str:salon>", views.SalonItem.as_view(), name="salon"),
    path("salons/<str:salon>/reviews", views.SalonReviews.as_view(), name="salon-reviews"),
    path("manage/salons", views.DeskCollection.as_view(), name="manage-salons"),
]

"""The addresses of the book pages."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.BookList.as_view(), name="books"),
    path("books/add", views.BookAdd.as_view(), name="book-add"),
    path("books/<int:pk>", views.BookPage.as_view(), name="book"),
    path("books/<int:pk>/cover", views.cover, name="book-cover"),
    path("books.csv", views.export, name="book-export"),
    path("shelf", views.old_address),
]

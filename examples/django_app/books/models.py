"""One book: what is on the shelf."""

from django.db import models
from django.urls import reverse


class Book(models.Model):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)
    cover = models.FileField(upload_to="covers", blank=True)

    class Meta:
        ordering = ("title",)

    def __str__(self):
        return f"{self.title}, by {self.author}"

    def get_absolute_url(self):
        return reverse("book", args=[self.pk])

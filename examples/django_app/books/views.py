"""The pages: a list, one book, a form, a download, a streamed export and a redirect."""

import csv
import io

from django.contrib.messages.views import SuccessMessageMixin
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.generic import CreateView, DetailView, ListView

from .models import Book


class BookList(ListView):
    model = Book


class BookPage(DetailView):
    model = Book


class BookAdd(SuccessMessageMixin, CreateView):
    model = Book
    fields = ("title", "author", "cover")
    success_message = "“%(title)s” is on the shelf."


def cover(request, pk):
    """The uploaded file, as a download."""
    book = get_object_or_404(Book, pk=pk)
    if not book.cover:
        raise Http404("This book has no cover.")
    return FileResponse(book.cover.open(), as_attachment=True)


def export(request):
    """All books as CSV, written row by row however many there are."""
    return StreamingHttpResponse(rows(), content_type="text/csv")


def rows():
    yield line(["title", "author"])
    for book in Book.objects.iterator():
        yield line([book.title, book.author])


def line(values):
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def old_address(request):
    return redirect("books", permanent=True)

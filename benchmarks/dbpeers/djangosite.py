"""Models, views and routes of Django's WSGI application; imported when Django is set up."""

# ruff: noqa: ARG001 - views have the signature that the framework calls

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from peers import site as plain

from dbpeers import site


class Row(models.Model):
    id = models.IntegerField(primary_key=True)
    number = models.IntegerField()

    class Meta:
        app_label = "bench"
        db_table = "rows"

    def as_dict(self) -> dict[str, int]:
        """Return what is answered."""
        return {"id": self.id, "number": self.number}


class Fortune(models.Model):
    id = models.IntegerField(primary_key=True)
    message = models.CharField(max_length=200)

    class Meta:
        app_label = "bench"
        db_table = "fortunes"


def get_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse(plain.ANSWER)


def get_row(request: HttpRequest, seed: int) -> HttpResponse:
    return JsonResponse(Row.objects.get(pk=site.row_ids(seed)[0]).as_dict())


def get_rows(request: HttpRequest, seed: int) -> HttpResponse:
    rows = [Row.objects.get(pk=each) for each in site.row_ids(seed, site.TWENTY)]
    return JsonResponse({"rows": [row.as_dict() for row in rows]})


def get_fortunes(request: HttpRequest, seed: int) -> HttpResponse:
    return show_fortunes(request, Fortune.objects.all(), seed)


def show_fortunes(request: HttpRequest, found: Iterable[Fortune], seed: int) -> HttpResponse:
    """Return the page of the fortunes *found*, and one more."""
    fortunes = [*found, Fortune(id=0, message=site.added(str(seed)))]
    fortunes.sort(key=lambda fortune: fortune.message)
    return render(request, "fortunes.html", {"fortunes": fortunes})


urlpatterns = [
    path("json", get_json),
    path("row/<int:seed>", get_row),
    path("rows/<int:seed>", get_rows),
    path("fortunes/<int:seed>", get_fortunes),
]

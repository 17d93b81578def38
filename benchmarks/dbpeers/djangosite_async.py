"""Views and routes of Django's ASGI application; imported when Django is set up."""

# ruff: noqa: ARG001 - views have the signature that the framework calls

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from peers import site as plain

from dbpeers import site
from dbpeers.djangosite import Fortune, Row, show_fortunes


async def get_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse(plain.ANSWER)


async def get_row(request: HttpRequest, seed: int) -> HttpResponse:
    return JsonResponse((await Row.objects.aget(pk=site.row_ids(seed)[0])).as_dict())


async def get_rows(request: HttpRequest, seed: int) -> HttpResponse:
    rows = [await Row.objects.aget(pk=each) for each in site.row_ids(seed, site.TWENTY)]
    return JsonResponse({"rows": [row.as_dict() for row in rows]})


async def get_fortunes(request: HttpRequest, seed: int) -> HttpResponse:
    return show_fortunes(request, [each async for each in Fortune.objects.all()], seed)


urlpatterns = [
    path("json", get_json),
    path("row/<int:seed>", get_row),
    path("rows/<int:seed>", get_rows),
    path("fortunes/<int:seed>", get_fortunes),
]

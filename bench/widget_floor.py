"""The floor of the widget bench: a Django view on the same server that reads the JSON body and answers without a database."""

import json

from django.conf import settings

settings.configure(
    SECRET_KEY="bench-only", DEBUG=False, ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, MIDDLEWARE=[]
)

import django  # noqa: E402

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


def decide(request: HttpRequest) -> JsonResponse:
    json.loads(request.body)
    return JsonResponse({"survey": None, "reason": "nothing_for_you", "scope": "visitor", "max_age": 600})


urlpatterns = [path("decide", decide)]
application = get_wsgi_application()

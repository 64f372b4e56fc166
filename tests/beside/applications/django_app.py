"""Django in one file, by WSGI and by ASGI: a middleware of Django's begins the conversation."""

from typing import Any

import chatbot
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

import agentsight_otel as agentsight

agentsight.init(service_name="django")
settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="x",
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[f"{__name__}.begin"],
    LOGGING_CONFIG=None,
)
django.setup()


def begin(get_response: Any) -> Any:
    def handle(request: HttpRequest) -> HttpResponse:
        cid = request.GET["cid"]
        agentsight.get_or_create_conversation(cid, customer_id="u1", device="mobile", source="web", language="en")
        return get_response(request)

    return handle


@agentsight.turn(agent="support")
def tool(request: HttpRequest) -> HttpResponse:
    return HttpResponse(chatbot.answer("tool"))


@agentsight.turn(agent="support")
def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chatbot.words())


@agentsight.turn(agent="support")
def error(request: HttpRequest) -> HttpResponse:
    return HttpResponse(chatbot.answer("error"))


urlpatterns = [path("tool", tool), path("stream", stream), path("error", error)]
app = get_wsgi_application()
asgi = get_asgi_application()

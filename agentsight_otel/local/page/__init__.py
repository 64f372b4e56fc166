"""The dashboard on port 8686: a few JSON routes over the metric views, and the static page that shows them."""

from agentsight_otel.local.page.app import PageSettings, page_app

__all__ = ["PageSettings", "page_app"]

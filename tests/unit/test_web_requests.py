"""An application that is watched is called once, however it is called and whatever it raises."""

from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel._recording import web_requests


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("arguments", [(), ({"type": "http"}, None, None), ({web_requests._MARK: True}, None)])
def test_what_an_application_raises_is_raised_once(
    capsys: pytest.CaptureFixture[str], enabled: bool, arguments: tuple[Any, ...]
) -> None:
    calls = []

    def application(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        raise LookupError("the application's own")

    agentsight.shutdown()
    agentsight.init(span_exporter=None, service_name="test", set_global=False, disabled=not enabled)
    try:
        with pytest.raises(LookupError):
            result = web_requests._call(application, None, arguments, {})
            if result is not None:  # a coroutine, which calls it when it is awaited
                result.send(None)
    finally:
        agentsight.shutdown()
    assert len(calls) == 1
    assert "failed while" not in capsys.readouterr().err

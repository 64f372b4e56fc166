"""A conversation of three turns by the frameworks for agents, in their current versions."""

from typing import Any

import pytest

from agentsight_otel._export.clickhouse import RowInserter
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local.receiver.otlp_rows import request_to_rows
from agentsight_otel.local.receiver.protobuf_spans import parse_protobuf
from tests.beside.conftest import Run
from tests.beside.conversations import check
from tests.otlp_receiver import Receiver


@pytest.mark.parametrize("framework", ["langgraph", "openai", "pydantic_ai", "mcp"])
def test_a_frameworks_conversation_is_whole(run: Run, receiver: Receiver, framework: str) -> None:
    run("newest", f"agent_{framework}.py")
    check(receiver.spans, "agent")


def test_langchain_by_auto_instrument_appears_as_with_agentsights_own_sdk(
    run: Run, receiver: Receiver, schema_url: str
) -> None:
    for package in ("agentsight", "agentsight_otel"):
        run("newest", "agent_langchain.py", package)
    for body in receiver.bodies:
        RowInserter(schema_url).insert(request_to_rows(parse_protobuf(body))[0])

    def found(package: str) -> dict[str, Any]:
        with clickhouse_client.connect(schema_url) as client:
            tools = client.query(
                "SELECT tool, error, position(arguments, '1001') > 0, position(result, 'shipped') > 0 FROM tool_calls_v"
                " WHERE conversation_id = {id:String} ORDER BY tool",
                parameters={"id": package},
            )
            models = client.query(
                "SELECT model_calls, input_tokens, output_tokens, messages FROM conversations_v"
                " WHERE conversation_id = {id:String}",
                parameters={"id": package},
            )
        return {"tools": list(tools.result_rows), "models": list(models.result_rows)}

    assert found("agentsight_otel") == found("agentsight")
    assert found("agentsight")["tools"] == [("contact_human", True, 1, 0), ("find_order", False, 1, 1)]
    assert found("agentsight")["models"][0][0] == 4


def test_cells_of_a_notebook_that_await_go_on_with_the_conversation(run: Run, receiver: Receiver) -> None:
    run("newest", "notebook.py")
    check(receiver.spans, "agent")

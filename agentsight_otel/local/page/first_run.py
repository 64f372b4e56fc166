"""The instructions that the page shows while its database is empty: how an agent sends its first conversation."""

PYTHON = """\
import agentsight_otel as agentsight

agentsight.init()

agentsight.get_or_create_conversation("conversation-1", customer_id="customer-1", source="web", language="en")
with agentsight.turn(agent="support"):
    agentsight.user_message("Where is my order?")
    agentsight.agent_message("It is on its way.")
agentsight.feedback("positive")
agentsight.shutdown()
"""
"""A program that records a whole conversation; a test runs it."""

OTHERS = (
    ("OpenInference", "with using_attributes(session_id=conversation_id, user_id=customer_id):"),
    (
        "OpenLLMetry",
        'Traceloop.set_association_properties({"session_id": conversation_id, "user_id": customer_id})',
    ),
    (
        "Langfuse",
        "# its spans go to its own server: add an OTLP exporter to the tracer provider\n"
        "with propagate_attributes(session_id=conversation_id, user_id=customer_id):",
    ),
    (
        "Vercel AI SDK",
        "experimental_telemetry: { isEnabled: true, metadata: { sessionId: conversationId, userId: customerId } }",
    ),
    (
        "JavaScript, Go, Java: any OpenTelemetry SDK",
        'span.setAttribute("gen_ai.conversation.id", conversationId);\n'
        'span.addEvent("agentsight.message", {\n'
        '  "agentsight.message.sender": "end_user",\n'
        '  "agentsight.message.content": text,\n'
        "});",
    ),
)
"""Titles and snippets for other SDKs, which send by the variables above; docs/other-sdks.md says the same."""

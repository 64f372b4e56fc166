"""Every attribute key, span kind, span name and enum value of the data contract, declared once.

Keys that start with ``gen_ai.``, ``user.``, ``client.``, ``geo.``, ``deployment.`` and ``service.`` are
OpenTelemetry semantic conventions (https://opentelemetry.io/docs/specs/semconv/). They are owned here as plain
strings because the GenAI constants in ``opentelemetry-semantic-conventions`` are marked as moved. Keys that start
with ``agentsight.`` are this product's own, the same strings that the AgentSight 0.1 SDK emits.
"""

from collections.abc import Mapping
from typing import Final

# -- identity: on every span inside a conversation --------------------------------------------------------------
CONVERSATION_ID: Final = "gen_ai.conversation.id"
"""string. The conversation that the span belongs to. Source: GenAI semantic conventions."""

CONVERSATION_DEVICE: Final = "agentsight.conversation.device"
"""string, lower-cased: desktop, tablet, mobile; others are kept. Source: argument ``device``."""

CONVERSATION_SOURCE: Final = "agentsight.conversation.source"
"""string, lower-cased: web, whatsapp, viber, … Source: argument ``source``."""

CONVERSATION_ROBOT: Final = "agentsight.conversation.robot"
"""bool: true where a robot is at the other end; the conversation then counts in no metric. Source: the User-Agent of
web requests, by the middlewares."""

CONVERSATION_LANGUAGE: Final = "agentsight.conversation.language"
"""string, BCP-47 tag. Source: argument ``language``."""

CONVERSATION_NAME: Final = "agentsight.conversation.name"
"""string. A title for people. Source: argument ``name``."""

CONVERSATION_METADATA: Final = "agentsight.conversation.metadata"
"""string, a JSON object. Source: argument ``metadata``."""

USER_ID: Final = "user.id"
"""string. The customer. Source: argument ``customer_id``; semantic conventions, user registry."""

CLIENT_ADDRESS: Final = "client.address"
"""string. The customer's IP address after the IP policy. Source: argument ``customer_ip_address``."""

GEO_COUNTRY_ISO_CODE: Final = "geo.country.iso_code"
"""string, ISO 3166-1 alpha-2. Source: geolocation of the full IP address."""

GEO_REGION_ISO_CODE: Final = "geo.region.iso_code"
"""string, ISO 3166-2. Source: geolocation of the full IP address."""

GEO_LOCALITY_NAME: Final = "geo.locality.name"
"""string, the city. Source: geolocation of the full IP address."""

GEO_LOCATION_LAT: Final = "geo.location.lat"
"""double, degrees (WGS84). Source: geolocation of the full IP address."""

GEO_LOCATION_LON: Final = "geo.location.lon"
"""double, degrees (WGS84). Source: geolocation of the full IP address."""

DEPLOYMENT_ENVIRONMENT_NAME: Final = "deployment.environment.name"
"""string. On a span: the conversation's own environment; on the resource: the deployment's."""

SERVICE_NAME: Final = "service.name"
"""string, resource attribute. The logical service that emits the spans."""

SERVICE_VERSION: Final = "service.version"
"""string, resource attribute. A new one marks a deployment. Source: OTEL_RESOURCE_ATTRIBUTES."""

CONVERSATION_FIELDS: Final[Mapping[str, str]] = {
    "customer_id": USER_ID,
    "customer_ip_address": CLIENT_ADDRESS,
    "device": CONVERSATION_DEVICE,
    "source": CONVERSATION_SOURCE,
    "language": CONVERSATION_LANGUAGE,
    "metadata": CONVERSATION_METADATA,
    "name": CONVERSATION_NAME,
    "environment": DEPLOYMENT_ENVIRONMENT_NAME,
    "country": GEO_COUNTRY_ISO_CODE,
}
"""The fields of a conversation besides its id: the name of each argument, and the span attribute that it becomes."""

IDENTITY_KEYS: Final = (
    CONVERSATION_ID,
    *CONVERSATION_FIELDS.values(),
    GEO_REGION_ISO_CODE,
    GEO_LOCALITY_NAME,
    GEO_LOCATION_LAT,
    GEO_LOCATION_LON,
)
"""The identity of a conversation, on every span inside it."""

# -- span kinds --------------------------------------------------------------------------------------------------

SPAN_KIND: Final = "agentsight.span.kind"
"""string, one of the ``KIND_*`` values below. What the span stands for."""

KIND_CONVERSATION: Final = "conversation"
"""Point in the life of a conversation: opened, started, ended, updated."""

KIND_TURN: Final = "turn"
"""One exchange, from the user's messages to the agent's replies."""

KIND_TOOL: Final = "tool"
"""One execution of a tool by the agent."""

KIND_TASK: Final = "task"
"""Internal work, not counted as a tool."""

KIND_LLM: Final = "llm"
"""One call of a language model."""

KIND_BUTTON: Final = "button"
"""The user pressed a button."""

KIND_ATTACHMENT: Final = "attachment"
"""Files were sent, by the user or the agent."""

KIND_FEEDBACK: Final = "feedback"
"""A rating of the conversation."""

SPAN_KINDS: Final = (
    KIND_CONVERSATION,
    KIND_TURN,
    KIND_TOOL,
    KIND_TASK,
    KIND_LLM,
    KIND_BUTTON,
    KIND_ATTACHMENT,
    KIND_FEEDBACK,
)
"""All span kinds, in the contract's order."""

# -- conversation spans ------------------------------------------------------------------------------------------

SPAN_CONVERSATION_OPENED: Final = "conversation_opened"
"""Span name: a visit; the chat was offered and nothing said yet."""

SPAN_CONVERSATION_STARTED: Final = "conversation_started"
"""Span name: the user started to interact (``get_or_create_conversation``)."""

SPAN_CONVERSATION_ENDED: Final = "conversation_ended"
"""Span name: the conversation was ended explicitly."""

SPAN_METADATA_UPDATED: Final = "metadata_updated"
"""Span name: the conversation's metadata changed."""

SPAN_CONVERSATION_UPDATED: Final = "conversation_updated"
"""Span name: other fields of the conversation changed (name, marked, deleted, …)."""

CONVERSATION_ENDED: Final = "agentsight.conversation.ended"
"""bool, true on ``conversation_ended``."""

CONVERSATION_MARKED: Final = "agentsight.conversation.marked"
"""bool, on ``conversation_updated``. Whether people marked it; the last one counts."""

CONVERSATION_DELETED: Final = "agentsight.conversation.deleted"
"""bool, on ``conversation_updated``. Whether people want it out of their lists; the last one counts."""

# -- turns and messages ------------------------------------------------------------------------------------------

TURN_ID: Final = "agentsight.turn.id"
"""string. Unique per turn; also on the spans inside the turn."""

TURN_COMPLETE: Final = "agentsight.turn.complete"
"""bool. Whether the turn ran to its end."""

TURN_INCOMPLETE_REASON: Final = "agentsight.turn.incomplete_reason"
"""string, one of the ``REASON_*`` values; only when the turn is incomplete."""

REASON_ERROR: Final = "error"
"""The turn ended by an exception."""

REASON_ABANDONED: Final = "abandoned"
"""The turn was left before its end: cancelled, closed early, or never drained."""

REASON_DEADLINE: Final = "deadline"
"""The turn ran into its deadline."""

REASON_SHUTDOWN: Final = "shutdown"
"""The process shut down while the turn was open."""

INCOMPLETE_REASONS: Final = (REASON_ERROR, REASON_ABANDONED, REASON_DEADLINE, REASON_SHUTDOWN)
"""All reasons why a turn can be incomplete."""

EVENT_MESSAGE: Final = "agentsight.message"
"""Span event name: one message from the user or the agent."""

MESSAGE_SENDER: Final = "agentsight.message.sender"
"""string, ``end_user`` or ``agent``."""

SENDER_END_USER: Final = "end_user"
"""The person who talks to the agent."""

SENDER_AGENT: Final = "agent"
"""The agent."""

MESSAGE_CONTENT: Final = "agentsight.message.content"
"""string. The text of the message."""

MESSAGE_METADATA: Final = "agentsight.message.metadata"
"""string, a JSON object."""

# -- agent, tools, tasks, models ---------------------------------------------------------------------------------

GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
"""string, one of the ``OPERATION_*`` values. Source: GenAI semantic conventions."""

OPERATION_INVOKE_AGENT: Final = "invoke_agent"
"""Operation of a turn; also the first word of its span name."""

OPERATION_EXECUTE_TOOL: Final = "execute_tool"
"""Operation of a tool call; also the first word of its span name."""

OPERATION_CHAT: Final = "chat"
"""Operation of a model call; also the first word of its span name."""

OPERATION_EMBEDDINGS: Final = "embeddings"
"""Operation of an embedding; also the first word of its span name."""

GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
"""string. The agent that took the turn."""

GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
"""string. The tool, as named to the model."""

GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
"""string. The model's id of the call."""

GEN_AI_TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
"""string, JSON. What the tool was called with."""

GEN_AI_TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
"""string, JSON or text. What the tool returned."""

GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
"""string. Who runs the model: openai, anthropic, aws.bedrock, … Source: GenAI semantic conventions."""

GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
"""string. The model asked for. Source: GenAI semantic conventions."""

GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
"""string. The model that answered. Source: GenAI semantic conventions."""

GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
"""string. The provider's id of the response. Source: GenAI semantic conventions."""

GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
"""string[]. Why the model stopped, one for each choice. Source: GenAI semantic conventions."""

GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""double, seconds. From the request to the first chunk of the response. Source: GenAI semantic conventions."""

GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""int. Tokens of the prompt, those from and to a cache included. Source: GenAI semantic conventions."""

GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
"""int. Tokens of the answer, reasoning included. Source: GenAI semantic conventions."""

GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
"""int. Of the input tokens, those from the provider's cache. Source: GenAI semantic conventions."""

GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
"""int. Of the input tokens, those written to the provider's cache. Source: GenAI semantic conventions."""

GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
"""int. Of the output tokens, those spent on reasoning. Source: GenAI semantic conventions."""

LLM_MODEL_DECLARED: Final = "agentsight.llm.model_declared"
"""bool, true where the model's name comes from ``model_hint`` rather than from the call."""

ENTITY_NAME: Final = "agentsight.entity.name"
"""string. The name of a task."""

ERROR_TYPE: Final = "error.type"
"""string. The exception's class, on a failed span. Source: semantic conventions, error registry."""

ERROR_TYPE_OTHER: Final = "_OTHER"
"""The type of an error that is known by its message alone. Source: semantic conventions, error registry."""

# -- buttons, attachments, feedback ------------------------------------------------------------------------------

BUTTON_EVENT: Final = "agentsight.button.event"
"""string. What the button does."""

BUTTON_LABEL: Final = "agentsight.button.label"
"""string. What is written on it."""

BUTTON_VALUE: Final = "agentsight.button.value"
"""string. What it sends."""

ATTACHMENT_SENDER: Final = "agentsight.attachment.sender"
"""string, ``end_user`` or ``agent``."""

ATTACHMENT_COUNT: Final = "agentsight.attachment.count"
"""int. The number of files."""

ATTACHMENT_FILES: Final = "agentsight.attachment.files"
"""string, a JSON array of descriptors (name, type, size in bytes); never the bytes."""

FEEDBACK_SENTIMENT: Final = "agentsight.feedback.sentiment"
"""string, one of the ``SENTIMENTS``."""

SENTIMENTS: Final = ("positive", "neutral", "negative")
"""The values of ``agentsight.feedback.sentiment``."""

FEEDBACK_COMMENT: Final = "agentsight.feedback.comment"
"""string. The words that came with the rating."""

FEEDBACK_SOURCE: Final = "agentsight.feedback.source"
"""string, one of the ``FEEDBACK_SOURCES``. Who gave the feedback."""

FEEDBACK_SOURCE_CUSTOMER: Final = "customer"
"""The person who talked to the agent. Counts in the feedback metric, as does a missing source."""

FEEDBACK_SOURCE_PLATFORM: Final = "platform"
"""Somebody of the team that runs the agent. Stored, not counted."""

FEEDBACK_SOURCES: Final = (FEEDBACK_SOURCE_CUSTOMER, FEEDBACK_SOURCE_PLATFORM)
"""The values of ``agentsight.feedback.source``."""

METADATA: Final = "agentsight.metadata"
"""string, a JSON object. Free data on tool calls, buttons, attachments and feedback."""

SCOPE_NAME: Final = "agentsight_otel"
"""The instrumentation scope of our spans."""

# -- delivery: what was changed on the way -----------------------------------------------------------------------

CUT_BYTES: Final = "agentsight.cut.bytes"
"""int, bytes. How much of a span was cut to fit into one request; its shortened texts end in ``…``."""

CUT_EVENTS: Final = "agentsight.cut.events"
"""int. How many of its last events were left out of a span to fit into one request."""

WITHHELD: Final = "agentsight.withheld"
"""bool, true where masking failed on a whole span, and only its ids, kind and times are left."""

# -- accepted dialects: what other SDKs call the same things; first non-empty wins, left to right -----------------
CONVERSATION_ID_KEYS: Final = (
    CONVERSATION_ID,
    *["agentsight.conversation.id", "session.id", "traceloop.association.properties.session_id", "langfuse.session.id"],
    *["ai.telemetry.metadata.sessionId", "ai.settings.context.sessionId", "langsmith.metadata.session_id"],
    *["langsmith.metadata.thread_id", "langsmith.metadata.conversation_id", "conversation.id"],
    *["traceloop.association.properties.thread_id", "group_id"],
)
"""Attributes that may hold a conversation id; a value that begins with ``resp_`` is not one."""

CUSTOMER_KEYS: Final = (
    USER_ID,
    "agentsight.conversation.customer_id",
    "traceloop.association.properties.user_id",
    "traceloop.association.properties.customer_id",
    "langfuse.user.id",
    "ai.telemetry.metadata.userId",
    "ai.settings.context.userId",
    "langsmith.metadata.user_id",
)
"""Attributes that may hold a customer's id."""

MCP_METHOD_NAME: Final = "mcp.method.name"
"""string, on third parties' spans: tools/call, … Source: semantic conventions of the Model Context Protocol."""

TOOL_NAME_KEYS: Final = (GEN_AI_TOOL_NAME, "agentsight.tool.name", "tool.name", "traceloop.entity.name")
"""Attributes that may hold a tool's name; the last only if ``traceloop.span.kind`` is ``tool``."""

TOOL_CALL_MARKS: Final = (
    (SPAN_KIND, KIND_TOOL),
    (GEN_AI_OPERATION_NAME, OPERATION_EXECUTE_TOOL),
    ("openinference.span.kind", "TOOL"),
    ("traceloop.span.kind", "tool"),
)
"""Any of these key/value pairs makes a span a tool call."""

MODEL_CALL_MARKS: Final = {
    GEN_AI_OPERATION_NAME: (OPERATION_CHAT, "text_completion", "generate_content", "embeddings"),
    "openinference.span.kind": ("LLM", "EMBEDDING"),
    "traceloop.span.kind": ("llm",),
}
"""Any of these keys with one of its values makes a span a call of a model."""

CLIENT_ADDRESS_KEYS: Final = (CLIENT_ADDRESS, "agentsight.conversation.customer_ip")
"""Attributes that may hold the customer's IP address."""

COUNTRY_KEYS: Final = (GEO_COUNTRY_ISO_CODE, "geo.country_iso_code")
"""Attributes that may hold a country."""

SPAN_ENVIRONMENT_KEYS: Final = (
    DEPLOYMENT_ENVIRONMENT_NAME,
    "agentsight.conversation.environment",
    "langfuse.environment",
)
"""Span attributes that may hold an environment; tried before those of the resource."""

RESOURCE_ENVIRONMENT_KEYS: Final = (DEPLOYMENT_ENVIRONMENT_NAME, "deployment.environment")
"""Resource attributes that may hold an environment."""

IGNORE: Final = "agentsight.ignore"
"""bool, on a span or a resource: it counts nowhere."""
EXCHANGE: Final = "agentsight.exchange"
"""bool, on a span of any SDK: it is one exchange."""
EXCHANGE_INPUT: Final = "agentsight.exchange.input"
"""string. What the user said in it."""
EXCHANGE_OUTPUT: Final = "agentsight.exchange.output"
"""string. What the agent said in it."""

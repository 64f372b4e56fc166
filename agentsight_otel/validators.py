"""The validators of AgentSight 0.0."""

from agentsight_otel.compat.validation import (
    validate_action_data,
    validate_and_process_attachments_flexible,
    validate_button_data,
    validate_content_data,
    validate_conversation_data,
    validate_conversation_id,
    validate_feedback_data,
    validate_question_and_answer_data,
)

__all__ = [
    "validate_action_data",
    "validate_and_process_attachments_flexible",
    "validate_button_data",
    "validate_content_data",
    "validate_conversation_data",
    "validate_conversation_id",
    "validate_feedback_data",
    "validate_question_and_answer_data",
]

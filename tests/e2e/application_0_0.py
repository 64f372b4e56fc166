"""An application written for AgentSight 0.0.44, but for the name it imports: it never heard of init()."""

import base64
import os
import sys
import time
from datetime import datetime, timedelta, timezone

from agentsight_otel import ConversationTracker, conversation_manager, conversation_tracker
from agentsight_otel.enums import AttachmentMode, Sender, Sentiment
from agentsight_otel.exceptions import NoDataToSendException

tracker = ConversationTracker(api_key=os.environ["AGENTSIGHT_API_KEY"])


def visit(conversation_id: str) -> None:
    tracker.initialize_conversation(conversation_id=conversation_id, device="mobile", source="web", language="en-US")


def answer(conversation_id: str, question: str, reply: str, failed: str | None = None) -> None:
    conversation_tracker.get_or_create_conversation(
        conversation_id=conversation_id,
        customer_id="user-456",
        customer_ip_address="203.0.113.45",
        device="mobile",
        source="web",
        language="en-US",
        name="Support Chat",
        environment="production",
        metadata={"customer": {"tier": "gold"}, "priority": 1},
    )
    conversation_tracker.track_human_message(message=question, metadata={"message_id": "msg_001"})
    start = datetime.now(timezone.utc)
    conversation_tracker.track_action(
        action_name="database_lookup",
        started_at=start.isoformat(),
        ended_at=(start + timedelta(milliseconds=150)).isoformat(),
        duration_ms=150,
        tools_used={"database": "users_db"},
        response="User found",
        error_msg=failed,
    )
    conversation_tracker.track_token_usage(prompt_tokens=100, completion_tokens=25, total_tokens=125)
    conversation_tracker.track_agent_message(message=reply)
    try:
        response = conversation_tracker.send_tracked_data()
    except NoDataToSendException:
        sys.exit("nothing was tracked")
    assert response["summary"]["questions"] == response["summary"]["answers"] == 1, response


visit("left")
visit("conv-1")
answer("conv-1", "How do I reset my password?", "Click the link.")
answer("conv-1", "Which link?", "Let me ask a person.", failed="no link")
tracker.track_action("contact_human")
tracker.track_button(button_event="confirm", label="Yes", value="yes")
tracker.track_attachments(
    attachments=[
        {"filename": "a.pdf", "mime_type": "application/pdf", "data": base64.b64encode(b"12345").decode("utf-8")}
    ],
    sender=Sender.USER,
    mode=AttachmentMode.BASE64,
)
print(tracker.get_tracked_data_summary()["summary"]["total"], tracker.get_token_usage()["total_tokens"])
tracker.send_tracked_data()
answer("conv-2", "Hi", "Hello")
time.sleep(0.002)  # the list is ordered by the millisecond that a conversation began in
answer("conv-3", "Hi", "Bye")
conversation_manager.submit_feedback(conversation_id="conv-1", sentiment=Sentiment.POSITIVE, comment="Very helpful!")
conversation_manager.submit_feedback("conv-2", "negative")
conversation_manager.rename_conversation(conversation_id="conv-1", name="Resolved: Password Reset")
conversation_manager.mark_conversation("conv-1", is_marked=True)
conversation_manager.update_conversation("conv-2", is_marked=False, metadata={"status": "resolved"})
conversation_manager.delete_conversation("conv-3")
conversation_manager.delete_conversation("never seen")
answer("conv-1", "Thanks", "Bye")
tracker.get_or_create_conversation("conv-4")
tracker.track_human_message("sent by nobody")

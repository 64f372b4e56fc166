"""Celery over files: each turn is a task, sent from the conversation.

celery_app.py CONVERSATION…   sends the tasks
"""

import os
import sys

import celery
import chatbot

import agentsight_otel as agentsight
from agentsight_otel.integrations import celery as conversations

agentsight.init(service_name="celery")
conversations.connect()
folder = os.environ["CELERY_FOLDER"]
app = celery.Celery("celery_app", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": folder,
    "data_folder_out": folder,
    "processed_folder": f"{folder}/processed",
    "control_folder": f"{folder}/control",
}


@app.task(name="take")
@agentsight.turn(agent="support")
def take(turn: str) -> None:
    if turn == "stream":
        list(chatbot.words())
    else:
        chatbot.answer(turn)


if __name__ == "__main__":
    for cid in sys.argv[1:]:
        with agentsight.conversation(cid, customer_id="u1", device="mobile", source="web", language="en"):
            for turn in chatbot.TURNS:
                take.delay(turn)
    agentsight.shutdown()

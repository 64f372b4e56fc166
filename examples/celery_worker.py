"""A task that goes on with a conversation in a worker. Run the worker: celery -A celery_worker worker

Send a task: python celery_worker.py
"""

import os

import celery

import agentsight_otel as agentsight
from agentsight_otel.integrations import celery as conversations

agentsight.init(service_name="celery-worker")
conversations.connect()
app = celery.Celery("celery_worker", broker=os.environ.get("CELERY_BROKER_URL", "redis://localhost"))


@agentsight.tool
def find_order(order_id: str) -> str:
    return f"Order {order_id}: shipped."


@app.task
@agentsight.turn(agent="support")
def answer(order_id: str) -> None:
    agentsight.agent_message(find_order(order_id))


if __name__ == "__main__":
    with agentsight.conversation("celery-1", customer_id="u1", source="email", language="en"):
        agentsight.user_message("Where is order 1001?")
        answer.delay("1001")
    agentsight.shutdown()

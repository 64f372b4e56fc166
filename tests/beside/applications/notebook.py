"""A notebook whose cells await, run by a Jupyter kernel; prints what its last cell prints."""

import nbformat
from nbclient import NotebookClient

CELLS = [
    "import asyncio, chatbot, agentsight_otel as agentsight\nagentsight.init(service_name='jupyter')",
    "agentsight.get_or_create_conversation('agent', customer_id='u1', device='mobile', source='web', language='en')\n"
    "await asyncio.sleep(0)",
    "with agentsight.turn(agent='support'): chatbot.answer('tool')",
    "with agentsight.turn(agent='support'):\n    for _ in chatbot.words(): await asyncio.sleep(0)",
    "await asyncio.sleep(0)\ntry:\n    with agentsight.turn(agent='support'): chatbot.answer('error')\n"
    "except Exception: pass",
    "agentsight.shutdown()",
]
cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=60, kernel_name="python3").execute()

"""The surface of AgentSight's own SDKs: tracker, manager and reader, with their names and behaviour."""

"""The client of AgentSight 0.1, ``AgentSight``, over ClickHouse, with the resources that ClickHouse stores."""

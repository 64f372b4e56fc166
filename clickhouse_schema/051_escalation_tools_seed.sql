-- The hand-over tools that escalation_tools starts with. Inserted once, with the table.
INSERT INTO {database}.escalation_tools (tool) VALUES ('fallback_to_human'), ('open_ticket'), ('ticket'), ('contact_human');

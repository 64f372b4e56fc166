-- The user that Grafana reads with, for a ClickHouse that keeps its users in SQL. Put in your own password and networks
-- and, if it is another, your own database. The reasons stand in grafana-user.xml.
CREATE SETTINGS PROFILE IF NOT EXISTS grafana SETTINGS
    readonly = 1,
    max_execution_time = 60 MAX 120 CHANGEABLE_IN_READONLY,
    max_memory_usage = 4000000000,
    enable_http_compression CHANGEABLE_IN_READONLY;

CREATE USER IF NOT EXISTS grafana IDENTIFIED WITH sha256_password BY 'REPLACE_WITH_A_PASSWORD'
    HOST LOCAL
    SETTINGS PROFILE 'grafana';

GRANT SELECT ON agentsight.* TO grafana;
GRANT SELECT ON system.parts TO grafana;
GRANT SELECT ON system.disks TO grafana;
GRANT SELECT ON system.query_log TO grafana;

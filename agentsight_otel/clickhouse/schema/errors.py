"""The errors that applying or checking a schema raises."""


class SchemaError(Exception):
    """The schema of a database is not what this version of agentsight-otel works with."""


class SchemaNotApplied(SchemaError):
    """The database has no schema, an unfinished one, or one of an older version."""


class SchemaNewer(SchemaError):
    """The database's schema is of a newer version than this agentsight-otel knows."""


class SchemaEdited(SchemaError):
    """A schema file was edited after it had been applied, without a new version."""


class SchemaLocked(SchemaError):
    """Another process has been applying the schema for longer than this one waits."""


class SchemaOnShards(SchemaError):
    """The database is that of a query node, which reads the shards of a cluster: the schema belongs on the shards."""


class SchemaClash(SchemaError):
    """The database holds foreign objects under names that the schema uses; nothing was changed."""


class SchemaForbidden(SchemaError):
    """The user lacks a right in ClickHouse; the message says which."""


class ClickHouseTooOld(SchemaError):
    """The server is older than the schema needs; nothing was changed."""


class ClusterNotReady(SchemaError):
    """Nodes of a cluster are not as needed, or not reached; the message says which and why. Nothing was changed."""


class ClusterUnfinished(SchemaError):
    """Applying to a cluster ended before its last node; the message says at which. The same command completes it."""

"""What can be wrong with a database's schema."""


class SchemaError(Exception):
    """The schema of a database is not what this version of agentsight-otel works with."""


class SchemaNotApplied(SchemaError):
    """The database has no schema, an unfinished one, or one of an older version."""


class SchemaNewer(SchemaError):
    """The database's schema is of a newer version than this agentsight-otel knows."""


class SchemaEdited(SchemaError):
    """A schema file was edited after it had been applied, without a new version."""


class SchemaLocked(SchemaError):
    """Another process has been applying the schema for longer than we wait."""


class SchemaOnShards(SchemaError):
    """The database is that of a query node, which reads the shards of a cluster: they have the schema."""

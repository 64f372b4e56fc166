"""The database, without the SDK: connections, the schema and its files, the metric views and their titles."""

"""Ids, contexts, parents, sampling and processors, by which the spans of a conversation form one trace."""

"""How long texts may be that are no values: names, statuses, and the fields of a conversation."""

MAX_NAME_BYTES = 1_024
"""The longest name of a span, a tool, a task or an agent."""

MAX_STATUS_BYTES = 1_024
"""The longest text of a status."""

MAX_FIELD_CHARACTERS = 255
"""The longest id, name or other field of a conversation, but for its metadata; longer ones are cut."""


def with_room(most: int) -> int:
    """The size to which a text is cut before masks see it, where it is cut to ``most`` after them."""
    return 2 * most + 8_192

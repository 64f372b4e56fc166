"""The errors of requests that are not stored; their messages are sent to the sender."""


class MalformedRequest(ValueError):
    """The body is not an ExportTraceServiceRequest; the message says why."""


class TooLarge(Exception):
    """The request is larger than allowed; the sender has to send less at a time."""


class TooSlow(Exception):
    """The request did not arrive in time, or had to make room for others."""


class Unavailable(Exception):
    """The request cannot be stored now; the sender may try again."""


class Refused(Exception):
    """ClickHouse refuses the data; trying again does not help."""


class UnknownEncoding(Exception):
    """The body has a content-encoding that is not supported."""

"""Conversation identity in W3C baggage: opt-in, an allow-list, bounded."""

from typing import Any

import pytest
from opentelemetry import baggage as otel_baggage
from opentelemetry import context as otel_context
from opentelemetry import propagate

import agentsight_otel as agentsight
from agentsight_otel._core import baggage
from agentsight_otel._core.config import SettingError, Settings
from agentsight_otel.testing import capture

PERSON: dict[str, Any] = {
    "customer_id": "u1",
    "customer_ip_address": "9.9.9.9",
    "device": "mobile",
    "language": "el-GR",
    "name": "Lost card",
    "metadata": {"tier": "gold"},
}


def sent(conversation_id: str = "c1", **settings: Any) -> str:
    """The baggage header of a call inside a conversation."""
    token = otel_context.attach(otel_context.Context())
    try:
        with capture(**settings), agentsight.conversation(conversation_id, **PERSON), agentsight.turn():
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            return carrier.get("baggage", "")
    finally:
        otel_context.detach(token)


def test_nothing_is_carried_unless_asked_for() -> None:
    assert sent() == ""
    assert sent(propagate=False) == ""


def test_what_tells_of_the_person_is_left_out_unless_asked_for() -> None:
    carried = baggage.read([sent(propagate=True)], baggage.KEYS)
    assert carried == {"conversation_id": "c1", "device": "mobile", "language": "el-GR"}
    carried = baggage.read([sent(propagate=["customer_id", "customer_ip_address"])], baggage.KEYS)
    assert carried == {"conversation_id": "c1", "customer_id": "u1", "customer_ip_address": "9.9.9.0"}


def test_ids_of_any_text_come_through() -> None:
    known = "συνομιλία 1; a=b, c%20"
    assert baggage.read([sent(known, propagate=True)], ())["conversation_id"] == known


def test_entries_that_find_no_room_are_left_out() -> None:
    assert sent("€" * 255, propagate=["conversation_id"]) == ""
    header = sent("x" * 200, propagate=True)
    assert len(header) < baggage.MAX_BYTES
    assert baggage.read([header], ())["conversation_id"] == "x" * 200


def test_a_conversation_leaves_nothing_of_the_one_around_it() -> None:
    with capture(propagate=True), agentsight.conversation("c1", device="mobile"), agentsight.conversation("c2"):
        assert otel_baggage.get_all() == {"gen_ai.conversation.id": "c2"}


def test_baggage_of_others_stays() -> None:
    token = otel_context.attach(otel_baggage.set_baggage("tenant", "t1", otel_context.Context()))
    try:
        with capture(propagate=True), agentsight.conversation("c1"):
            assert otel_baggage.get_all() == {"tenant": "t1", "gen_ai.conversation.id": "c1"}
    finally:
        otel_context.detach(token)


@pytest.mark.parametrize(
    "header", ["", "user.id=u1", "gen_ai.conversation.id=", "gen_ai.conversation.id=%20", "=;=,,%%%", "x" * 100_000]
)
def test_a_header_that_names_no_conversation_says_nothing(header: str) -> None:
    assert baggage.read([header], ()) == {}


def test_the_receiver_has_an_allow_list_of_its_own() -> None:
    header = "gen_ai.conversation.id=c1,user.id=u1,client.address=9.9.9.9,agentsight.conversation.device=tablet"
    assert baggage.read([header], ()) == {"conversation_id": "c1", "device": "tablet"}
    assert baggage.read([header], ("customer_id",)) == {"conversation_id": "c1", "customer_id": "u1"}


def test_the_setting() -> None:
    assert Settings.load({"AGENTSIGHT_PROPAGATE": "true"}).propagate == baggage.DEFAULT_NAMES
    assert Settings.load({"AGENTSIGHT_PROPAGATE": "off"}).propagate == ()
    assert Settings.load({"AGENTSIGHT_PROPAGATE": "device, customer_id"}).propagate == ("device", "customer_id")
    with pytest.raises(SettingError, match="AGENTSIGHT_PROPAGATE: 'device,ip': expected true, false, or some of"):
        Settings.load({"AGENTSIGHT_PROPAGATE": "device,ip"})

-- Messages as numbers: the layouts, and what is read from them.

-- A message of conversation_days in 64 bits, from the highest: ms of its UTC day (27) | sent by the agent (1) | hash of
-- the service that recorded it (12) | hash of what identifies it, lowest bit set (24). As numbers the messages of a day
-- sort by time, at equal times the end user's first; none is 0. This is the only place that knows the layout.
MACRO packed_message(ms, by_agent, service, hash) AS
bitOr(bitOr(bitShiftLeft(toUInt64(positiveModulo({ms}, 86400000)), 37), if({by_agent}, 68719476736, 0)), bitOr(bitShiftLeft(bitAnd(sipHash64({service}), 4095), 24), bitOr(bitAnd({hash}, 16777215), 1)));
MACRO message_ms(day, message) AS
({day} * 86400000 + toInt64(bitShiftRight({message}, 37)));
MACRO sent_by_agent(message) AS
bitTest({message}, 36);
MACRO sent_by_user(message) AS
NOT {sent_by_agent({message})};

-- A message in 64 bits that can be compared over all days, from the highest: ms since 1970 + 2^44 (45) | sent by the agent
-- (1) | hash of the service (12) | hash (6).
MACRO comparable_message(day, message) AS
bitOr(bitShiftLeft(toUInt64({message_ms({day}, {message})} + 17592186044416), 19), bitOr(bitShiftLeft(bitAnd(bitShiftRight({message}, 24), 8191), 6), bitAnd({message}, 63)));
MACRO comparable_ms(message) AS
(toInt64(bitShiftRight({message}, 19)) - 17592186044416);
MACRO comparable_by_user(message) AS
(NOT bitTest({message}, 18));
MACRO comparable_day(message) AS
toInt32({day_of_ms({comparable_ms({message})})});
MACRO comparable_ms_of_day(message) AS
toUInt32(positiveModulo({comparable_ms({message})}, 86400000));
MACRO comparable_service(message) AS
bitAnd(bitShiftRight({message}, 6), 4095);

-- Comparable messages, sorted, with each of the agent's that a user's by another service follows within 1 s put after it.
MACRO put_after_questions(messages, services) AS
arrayFold(
    (places, by) -> arrayMap(
        (message, place, next) -> if(
            NOT {comparable_by_user(message)} AND {comparable_service(message)} = by
                AND {comparable_by_user(next)} AND {comparable_service(next)} != by
                AND {comparable_ms(next)} - {comparable_ms(message)} <= 1000,
            bitOr(bitShiftLeft(bitShiftRight(next, 19), 19), 262144), place),
        {messages}, places,
        arrayReverseFill(message -> {comparable_by_user(message)} AND {comparable_service(message)} != by, {messages})),
    {services}, {messages});

-- A message of resolved in 32 bits: ms of its UTC day, times two, one more where the agent sent it.
MACRO said_of_packed(message) AS
toUInt32(bitShiftRight({message}, 36));
MACRO said_ms(day, message) AS
({day} * 86400000 + toInt64(intDiv({message}, 2)));
MACRO said_by_agent(message) AS
bitTest({message}, 0);
MACRO said_by_user(message) AS
NOT {said_by_agent({message})};
MACRO said_minute(message) AS
intDiv({message}, 120000);

-- Feedback of resolved in 32 bits: ms of its UTC day, times four, and the place of its sentiment among `sentiments`.
MACRO packed_feedback(ms, sentiment) AS
toUInt32(positiveModulo({ms}, 86400000) * 4 + indexOf({sentiments}, {sentiment}));
MACRO feedback_ms(day, feedback) AS
{ms_of_day({day}, intDiv({feedback}, 4))};
MACRO feedback_sentiment(feedback) AS
{sentiments}[{feedback} % 4];
MACRO sentiments AS
['positive', 'neutral', 'negative'];

-- When something was, in ms since 1970, of its day and its ms since midnight.
MACRO ms_of_day(day, ms) AS
({day} * 86400000 + toInt64({ms}));

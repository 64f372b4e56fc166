-- Messages with their own timestamp in [from, to), of conversations that match the filters. Internal.
-- Grain: one row per day and conversation active on that day; `messages` as in resolved, cut to the window.
--
-- Read by: the page.
CREATE OR REPLACE VIEW {database}.window_messages AS
SELECT day, conversation_key, messages
FROM {window_messages}
SETTINGS do_not_merge_across_partitions_select_final = 1;

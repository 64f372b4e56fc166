-- What countries are called beside their codes of two letters: codes of three letters, and English names, in upper case. Internal.
-- Grain: one row per name.
--
-- Read by: every view with filters, where one by country is set; as a view, so that the others need not plan for it.
CREATE OR REPLACE VIEW {database}.country_names AS
SELECT splitByChar('=', pair)[1] AS name, splitByChar('=', pair)[2] AS code
FROM (SELECT arrayJoin(splitByChar('|', replaceAll({country_names}, '\n', ''))) AS pair)
WHERE pair != '';

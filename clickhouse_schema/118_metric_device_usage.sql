-- Metric 9. Conversations of the window by device; unknown where it was not given.
-- Grain: one row per device. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_device_usage AS
SELECT device, count() AS conversations
FROM {database}.window_conversations(from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
GROUP BY device
ORDER BY conversations DESC, device;

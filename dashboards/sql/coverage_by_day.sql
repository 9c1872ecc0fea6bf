-- How long each camera looked while its store was open, by the store's own days.
--
-- One row for each camera and day from the first it was heard of to the last, also for days on which it saw nothing.
-- `expected_seconds` is how long the store was open: on the days that have 23 or 25 hours, the seconds that truly passed.
-- Seconds add up over cameras, days and stores; `coverage` does not: divide the sums.
CREATE OR REPLACE VIEW coverage_by_day AS
WITH looked AS (
    SELECT h.camera_key, h.local_date, SUM(h.observed_seconds) AS observed_seconds, SUM(h.failures) AS failures
    FROM fact_device_health h
    JOIN opening_hours o ON o.store_id = h.store_id AND o.weekday = isodow(h.local_date)
    WHERE h.local_time15 >= o.opens AND h.local_time15 < o.closes
    GROUP BY ALL
),
expected AS (
    SELECT s.store_id, s.name AS store_name, c.camera_key, c.camera_id, d.date AS local_date,
           epoch((d.date + CAST(o.closes AS INTERVAL)) AT TIME ZONE s.time_zone)
           - epoch((d.date + CAST(o.opens AS INTERVAL)) AT TIME ZONE s.time_zone) AS expected_seconds
    FROM dim_camera c
    JOIN dim_store s ON s.store_id = c.store_id
    JOIN dim_date d ON d.date BETWEEN CAST(c.first_seen AT TIME ZONE s.time_zone AS DATE)
                                  AND CAST(c.last_seen AT TIME ZONE s.time_zone AS DATE)
    JOIN opening_hours o ON o.store_id = s.store_id AND o.weekday = d.weekday
)
SELECT e.store_id, e.store_name, e.camera_key, e.camera_id, e.local_date, e.expected_seconds,
       COALESCE(l.observed_seconds, 0) AS observed_seconds, COALESCE(l.failures, 0) AS failures,
       COALESCE(l.observed_seconds, 0) / e.expected_seconds AS coverage
FROM expected e
LEFT JOIN looked l ON l.camera_key = e.camera_key AND l.local_date = e.local_date
WHERE e.expected_seconds > 0;

-- How many visits were how long: a row for each bin, from `from_seconds` to below `below_seconds` (none for the last).
--
-- The bins are the same everywhere and always, so `visits` adds up over bins, days, zones and stores.
CREATE OR REPLACE VIEW dwell_histogram AS
WITH bins AS (
    UNPIVOT (
        SELECT store_id, zone_id, object_class, local_date, COLUMNS('^dwell_(under|from|\d)') FROM fact_zone_dwell_15m
    )
    ON COLUMNS('^dwell_(under|from|\d)') INTO NAME bin VALUE visits
)
SELECT store_id, zone_id, object_class, local_date,
       COALESCE(TRY_CAST(regexp_extract(bin, '^dwell_(?:from_)?(\d+)', 1) AS INTEGER), 0) AS from_seconds,
       TRY_CAST(regexp_extract(bin, '(?:under|to)_(\d+)$', 1) AS INTEGER) AS below_seconds,
       SUM(visits) AS visits
FROM bins
GROUP BY ALL;

-- Between which bounds the median and the longest tenth of the visits to each zone begin, over all days.
--
-- Of bins no percentile can be had, only the bin that it is in: it is `at_least_seconds`, and less than `below_seconds`
-- (none where it is in the last bin). For other days or groupings take sums of `dwell_histogram` in its place.
CREATE OR REPLACE VIEW dwell_percentiles AS
WITH summed AS (
    SELECT store_id, zone_id, object_class, from_seconds, below_seconds, SUM(visits) AS visits
    FROM dwell_histogram
    GROUP BY ALL
),
cumulated AS (
    SELECT *, SUM(visits) OVER up_to_here AS so_far, SUM(visits) OVER whole AS total
    FROM summed
    WINDOW whole AS (PARTITION BY store_id, zone_id, object_class),
           up_to_here AS (PARTITION BY store_id, zone_id, object_class ORDER BY from_seconds)
)
SELECT store_id, zone_id, object_class, percentile, total AS whole_visits,
       MIN(from_seconds) AS at_least_seconds, arg_min(below_seconds, from_seconds) AS below_seconds
FROM cumulated, (VALUES (50), (90)) AS wanted (percentile)
WHERE total > 0 AND so_far >= total * percentile / 100.0
GROUP BY ALL;

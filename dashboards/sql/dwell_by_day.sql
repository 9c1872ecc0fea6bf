-- Visits to each zone and how long they were, by the store's own days; a visit belongs to the day it ended on.
--
-- `average_seconds` is of the visits that were seen from beginning to end. It adds up over nothing: for another grouping
-- divide the sum of `dwell_seconds` by that of `whole_visits`.
CREATE OR REPLACE VIEW dwell_by_day AS
SELECT store_id, zone_id, object_class, local_date,
       SUM(visits) AS visits, SUM(whole_visits) AS whole_visits, SUM(dwell_seconds) AS dwell_seconds,
       SUM(dwell_seconds) / NULLIF(SUM(whole_visits), 0) AS average_seconds, bool_and(is_final) AS is_final
FROM fact_zone_dwell_15m
GROUP BY ALL;

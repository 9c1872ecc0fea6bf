-- Who crossed each line, in and out, by the store's own days; and whether the figure may be relied upon.
--
-- Choose the lines that are doors (`WHERE line_id = 'entrance'`) before you add lines up: a line may be drawn anywhere.
-- `raw`, `net`, `shopper` and `units` are what docs/figures.md says. The counts add up over lines, days and stores.
-- `coverage` is of the cameras that see the line, while the store was open. `is_reliable`: nothing is missing or to come,
-- and somebody looked 95 % of the time. It corrects nothing: who passed while nobody looked is in no figure.
CREATE OR REPLACE VIEW footfall_by_day AS
WITH sums AS (
    SELECT store_id, line_id, object_class, local_date,
           SUM(in_raw) AS in_raw, SUM(in_net) AS in_net, SUM(in_shopper) AS in_shopper, SUM(in_units) AS in_units,
           SUM(out_raw) AS out_raw, SUM(out_net) AS out_net, SUM(out_shopper) AS out_shopper,
           SUM(out_units) AS out_units, bool_and(is_final) AS is_final, MAX(restated_at) AS restated_at
    FROM fact_footfall_15m
    GROUP BY ALL
),
seen_by AS (SELECT DISTINCT store_id, line_id, camera_key FROM fact_footfall_15m),
looked AS (
    SELECT l.store_id, l.line_id, c.local_date, SUM(c.observed_seconds) / SUM(c.expected_seconds) AS coverage
    FROM seen_by l
    JOIN coverage_by_day c ON c.camera_key = l.camera_key
    GROUP BY ALL
)
SELECT s.store_id, d.name AS store_name, s.line_id, s.object_class, s.local_date, isodow(s.local_date) AS weekday,
       s.in_raw, s.in_net, s.in_shopper, s.in_units, s.out_raw, s.out_net, s.out_shopper, s.out_units,
       l.coverage, s.is_final, s.restated_at, s.is_final AND COALESCE(l.coverage, 0) >= 0.95 AS is_reliable
FROM sums s
LEFT JOIN dim_store d ON d.store_id = s.store_id
LEFT JOIN looked l ON l.store_id = s.store_id AND l.line_id = s.line_id AND l.local_date = s.local_date;

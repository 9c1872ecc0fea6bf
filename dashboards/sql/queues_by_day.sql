-- Waits in each queue by the store's own days; a wait belongs to the day it ended on.
--
-- `average_wait_seconds` is of those who were served and seen from beginning to end. `abandoned_share` is of those whose
-- end was seen: served or given up. Both are made of sums, and add up over nothing.
CREATE OR REPLACE VIEW queues_by_day AS
SELECT store_id, queue_id, local_date,
       SUM(served) AS served, SUM(abandoned) AS abandoned, SUM(lost) AS lost,
       SUM(whole_waits) AS whole_waits, SUM(wait_seconds) AS wait_seconds,
       SUM(wait_seconds) / NULLIF(SUM(whole_waits), 0) AS average_wait_seconds,
       SUM(abandoned) / NULLIF(SUM(served) + SUM(abandoned), 0) AS abandoned_share, bool_and(is_final) AS is_final
FROM fact_queue
GROUP BY ALL;

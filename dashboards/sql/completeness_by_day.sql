-- Whether all that each store sent of a day has arrived, by UTC days, as sources number their events.
--
-- `missing` numbers are events that were sent and are not here. `final_windows` of `windows` quarters of an hour will not
-- change any more. `complete_until`: of the source that is furthest behind.
CREATE OR REPLACE VIEW completeness_by_day AS
SELECT store_id, window_date, COUNT(*) AS sources, SUM(events) AS events, SUM(missing) AS missing,
       MIN(complete_until) AS complete_until, SUM(final_windows) AS final_windows, 96 * COUNT(*) AS windows
FROM fact_completeness
GROUP BY ALL;

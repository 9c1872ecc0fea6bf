-- Who crossed each line in each hour of the store's own clock: what is joined with tills, staff plans and weather.
--
-- `observed_seconds` is of the cameras that see the line, so an hour that two cameras saw has up to 7,200, and so has the
-- hour that comes twice when clocks go back. Everything here adds up over hours, days and stores; seconds not over lines.
-- With several classes of object on a line the seconds stand with the first: add them up over classes, too.
CREATE OR REPLACE VIEW footfall_by_hour AS
SELECT store_id, line_id, object_class, local_date, CAST(local_time15[1:2] AS INTEGER) AS hour,
       SUM(in_raw) AS in_raw, SUM(in_net) AS in_net, SUM(in_shopper) AS in_shopper, SUM(in_units) AS in_units,
       SUM(out_raw) AS out_raw, SUM(out_net) AS out_net, SUM(out_shopper) AS out_shopper,
       SUM(out_units) AS out_units, SUM(observed_seconds) AS observed_seconds, bool_and(is_final) AS is_final
FROM fact_footfall_15m
GROUP BY ALL;

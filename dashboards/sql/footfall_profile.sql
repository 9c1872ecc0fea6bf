-- How a usual week goes: shoppers in and out for each hour in which somebody looked, by weekday and hour.
--
-- A rate, made of sums: it adds up over nothing. For another grouping divide the sums of `footfall_by_hour` anew. An hour
-- that nobody looked at takes no part, so an outage doesn't look like a quiet day. `observed_hours` is how much there was.
CREATE OR REPLACE VIEW footfall_profile AS
SELECT store_id, line_id, isodow(local_date) AS weekday, hour,
       SUM(in_shopper) AS in_shopper, SUM(out_shopper) AS out_shopper,
       SUM(observed_seconds) / 3600 AS observed_hours,
       SUM(in_shopper) * 3600 / NULLIF(SUM(observed_seconds), 0) AS in_shopper_per_hour,
       SUM(out_shopper) * 3600 / NULLIF(SUM(observed_seconds), 0) AS out_shopper_per_hour
FROM footfall_by_hour
GROUP BY ALL;

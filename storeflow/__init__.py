"""What storeflow's edge modules and cloud functions share."""

"""What storeflow's modules share, and the command line around them."""

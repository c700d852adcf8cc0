"""What the sensor costs the machine that it watches, and what load it bears."""

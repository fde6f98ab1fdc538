"""The field, simulated: soil, climate, tanks, pipes, sun, rivers and their devices."""

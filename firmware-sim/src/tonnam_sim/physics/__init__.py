"""What the field does by itself: sun, weather, greenhouse air, soil, water in pipes. Pure: no clock, no I/O."""

"""What a datastream says now, and what it said: shared by farm and city."""

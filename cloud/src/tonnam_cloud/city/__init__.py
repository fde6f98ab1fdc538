"""A town's sensors in the words that people use: air, rain and river."""

"""The suite `near_miss`."""

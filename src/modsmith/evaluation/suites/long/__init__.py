"""The suite `long`."""

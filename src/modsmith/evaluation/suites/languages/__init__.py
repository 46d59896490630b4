"""The suite `languages`."""

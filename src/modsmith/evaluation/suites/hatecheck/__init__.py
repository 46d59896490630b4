"""The suite `hatecheck`."""

"""The suite `injection`."""

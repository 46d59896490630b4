"""The suite `twins`."""

"""The suite `slices`."""

"""The suite `gumroad`."""

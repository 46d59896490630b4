"""The suite `xstest`."""

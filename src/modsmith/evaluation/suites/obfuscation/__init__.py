"""The suite `obfuscation`."""

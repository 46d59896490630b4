"""The second reader: an encoder that reads a listing beside the language model and has a say in its ratings.

A causal model reads the listing once, from left to right, and knows the policy; an encoder looks at all of it at once.
They err on different listings, so both together rank better than either (docs/second-reader.md).
"""
